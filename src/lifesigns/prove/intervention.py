"""Makes an edit in a run that knows nothing of it: when its model first runs forward to be trained.

By then the model, its optimizer and its data loader exist, and no step has been made. Where no
optimizer has anything of a model that runs, it is made right before the first step.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook
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
        self._ran: dict[int, nn.Module] = {}
        self._is_made = False
        self._open = ExitStack()

    def install(self) -> None:
        """Waits, in this process, for the model."""
        _noting(Optimizer, "__init__", self._optimizers.append)
        _noting(DataLoader, "__iter__", self._note_loader)
        # Not a hook: what the edit itself hooks in is to take part in the first step already.
        self._call = nn.Module.__call__
        setattr(nn.Module, "__call__", self._called())  # noqa: B010, mypy takes it for a method
        self._open.callback(register_optimizer_step_pre_hook(self._stepped).remove)

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
            self._make(module, training[0])
        else:
            self._ran[id(module)] = module

    def _stepped(self, optimizer: Optimizer, *_given: Any) -> None:
        """The largest model that got a gradient is the one that somebody meant to train."""
        if self._is_made:
            return
        reached = [m for m in self._ran.values() if any(p.grad is not None for p in m.parameters())]
        if reached:
            self._make(max(reached, key=_size), optimizer)

    def _make(self, module: nn.Module, optimizer: Optimizer) -> None:
        setattr(nn.Module, "__call__", self._call)  # noqa: B010
        self._is_made = True
        self._ran.clear()
        others = tuple(one for one in self._optimizers if one is not optimizer)
        made = self._edit.apply(LiveRun(module, optimizer, self._loader, others))
        if isinstance(made, Refusal):
            self._tell(made.reason)
        else:
            self._open.enter_context(made)
            self._tell("")


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


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
