"""Makes an edit in a run that knows nothing of it: when its model first runs forward to be trained.

By then the model, its optimizer and its data loader exist, and no step has been made.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from lifesigns.remedies import Edit, LiveRun, Refusal


class Intervention:
    """One edit, made once, which holds until the process ends.

    Args:
        edit: What to do.
        tell: Is given the reason if it cannot be done, and an empty text if it was.
    """

    def __init__(self, edit: Edit, tell: Callable[[str], None]) -> None:
        self._edit, self._tell = edit, tell
        self._optimizers: list[Optimizer] = []
        self._loader: Any = None
        self._open = ExitStack()

    def install(self) -> None:
        """Waits, in this process, for the model."""
        _noting(Optimizer, "__init__", self._optimizers.append)
        _noting(DataLoader, "__iter__", self._note_loader)
        # Not a hook: what the edit itself hooks in is to take part in the first step already.
        self._call = nn.Module.__call__
        setattr(nn.Module, "__call__", self._called())  # noqa: B010, mypy takes it for a method

    def _note_loader(self, loader: Any) -> None:
        if torch.is_grad_enabled():
            self._loader = loader

    def _called(self) -> Callable[..., Any]:
        @wraps(self._call)
        def called(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            self._entered(module)
            return self._call(module, *args, **kwargs)

        return called

    def _entered(self, module: nn.Module) -> None:
        if not torch.is_grad_enabled():
            return
        own = {id(parameter) for parameter in module.parameters()}
        training = [one for one in self._optimizers if not own.isdisjoint(_trained(one))]
        if training:
            setattr(nn.Module, "__call__", self._call)  # noqa: B010
            self._make(LiveRun(module, training[0], self._loader))

    def _make(self, run: LiveRun) -> None:
        made = self._edit.apply(run)
        if isinstance(made, Refusal):
            self._tell(made.reason)
        else:
            self._open.enter_context(made)
            self._tell("")


def _trained(optimizer: Optimizer) -> set[int]:
    return {id(p) for group in optimizer.param_groups for p in group["params"]}


def _noting(owner: type, name: str, note: Callable[[Any], Any]) -> None:
    """From now on each object on which the method was called is noted."""
    method = getattr(owner, name)

    @wraps(method)
    def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = method(self, *args, **kwargs)
        note(self)
        return result

    setattr(owner, name, noted)
