"""Follows a forward pass that trains nothing: what in it behaves as in training.

That is modules and functions that drop units, and batch normalisations that use the statistics of
their batch. Torch's global module hooks are there for a few passes, and the functions of dropout
are wrapped only while one runs, those of losses until its loss is taken. Nothing is stored on the
user's modules.
"""

from __future__ import annotations

import inspect
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.optim.swa_utils import AveragedModel

from lifesigns.record.attach.backward import outside_dynamo
from lifesigns.record.graph.evaluation_mode import differs_in_training
from lifesigns.record.graph.global_hooks import GlobalHooks
from lifesigns.record.graph.module_calls import uncompiled
from lifesigns.record.graph.module_names import named_modules
from lifesigns.record.graph.same_form import is_like
from lifesigns.record.graph.wrapped_functions import WrappedFunctions
from lifesigns.record.readable import is_readable

DROPOUTS = (
    *("dropout", "dropout1d", "dropout2d", "dropout3d"),
    *("alpha_dropout", "feature_alpha_dropout"),
)
"""Functions of `torch.nn.functional` that drop units where they are told so."""
ATTENTION = "scaled_dot_product_attention"
"""It drops as much as it is told, in any mode."""
LOSSES = ("cross_entropy", "nll_loss")
"""Functions that compare answers with the numbers of classes."""
MOST_CALLS = 256
"""Outermost calls after which nobody waits for a pass of a network any longer."""


@dataclass(eq=False)
class Seen:
    """What one pass has shown."""

    network: nn.Module
    training: bool
    given: Tensor | None
    dropouts: dict[str, None] = field(default_factory=dict)
    loose: dict[str, None] = field(default_factory=dict)
    norm: str = ""
    norm_samples: int = 0
    gathers: bool = False
    """Whether it gathers the statistics of a normalisation: that is what training mode is for."""


class EvaluatedPasses(GlobalHooks):
    """Module hooks that follow the next passes of networks, and go away by themselves.

    Args:
        guard: Runs what happens in a hook, so that a failure does not reach the user's run.
        others: Told once of each module in evaluation mode that runs beside the networks.
    """

    def __init__(self, guard: Callable[..., None], others: Callable[[nn.Module], None]) -> None:
        super().__init__()
        self._guard, self._others, self._thread = guard, others, 0
        self._told: set[int] = set()
        self._names: Mapping[int, str] = {}
        self._networks: dict[int, weakref.ref[nn.Module]] = {}
        self._follow: Callable[[Seen], bool] = _nobody
        self._normalises: Callable[[str, _BatchNorm, Tensor], None] = _nothing
        self._compares: Callable[[Tensor, Tensor], None] = _nothing
        self._answer: Callable[[], Tensor | None] = _no_answer
        """The output of the latest pass, as long as its loss may be taken."""
        self._stack: list[weakref.ref[nn.Module]] = []
        self._pass: Seen | None = None
        self._calls = 0

    def open(
        self,
        networks: list[nn.Module],
        names: Mapping[int, str],
        follow: Callable[[Seen], bool],
        normalises: Callable[[str, _BatchNorm, Tensor], None],
        compares: Callable[[Tensor, Tensor], None],
    ) -> None:
        """Waits for passes.

        Args:
            networks: That are trained.
            names: Path of every module in them, by `id`.
            follow: Told of each pass when it has ended; returns whether there may be another.
            normalises: Told, within a pass, of each batch normalisation by the statistics of its
                batch: its name, itself, and its input.
            compares: Told of the output of the latest pass and of the labels that a loss compares
                it with.
        """
        self._networks = {id(network): weakref.ref(network) for network in networks}
        self._names, self._follow, self._normalises = names, follow, normalises
        self._compares, self._answer = compares, _no_answer
        self._thread, self._calls, self.armed = threading.get_ident(), 0, True
        self._told.clear()
        self._register()

    def close(self) -> None:
        """Takes everything away."""
        self.armed, self._pass = False, None
        self._follow, self._normalises, self._compares = _nobody, _nothing, _nothing
        self._answer = _no_answer
        self._stack.clear()
        self._register()

    def _register(self) -> None:
        super()._register()
        is_there = bool(self._handles)
        _DROPOUTS.listen(self._calls_dropout, is_there and self._pass is not None)
        _LOSSES.listen(self._calls_loss, is_there and self._answer is not _no_answer)

    # --- what happens in a pass -------------------------------------------------------------------
    @outside_dynamo
    def _enter(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if threading.get_ident() == self._thread:
            self._guard(self._begin, uncompiled(module), inputs)

    @outside_dynamo
    def _leave(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if threading.get_ident() == self._thread:
            self._guard(self._end, uncompiled(module), output)

    def _begin(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if self._stack and self._stack[0]() in (module, None):
            self._stack.clear()  # Ctrl-C ended the pass: hooks are not called then
            self._pass = None
        if not self._stack:
            self._begin_outermost(module, inputs)
            if not self.armed:
                return
        elif self._pass is not None and module.training and differs_in_training(module):
            self._note(self._pass, module, inputs)
        self._stack.append(weakref.ref(module))

    def _begin_outermost(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._calls += 1
        network = self._network_in(module)
        is_over = self._calls > MOST_CALLS or torch._C._get_tracing_state() is not None
        if network is not None and torch.is_grad_enabled() and network.training:
            is_over = True  # it trains
        if is_over:
            self.close()
            return
        is_copy = isinstance(module, AveragedModel)
        if (network is None or is_copy) and not (module.training or id(module) in self._told):
            self._told.add(id(module))
            self._others(module)
        if network is not None:
            given = next((x for x in inputs if isinstance(x, Tensor)), None)
            training = module.training if is_copy else network.training
            self._pass, self._answer = Seen(network, training, given), _no_answer
            self._register()
            if differs_in_training(network) and training:
                self._note(self._pass, network, inputs)

    def _network_in(self, module: nn.Module) -> nn.Module | None:
        """The trained network that a module is, or wraps, or averages over its steps."""
        networks = self._networks
        if isinstance(module, AveragedModel):
            return self._averaged_by(module)
        if id(module) in networks:
            return networks[id(module)]()
        parts = list(module.children())
        while len(parts) == 1 and id(parts[0]) not in networks:
            parts = list(parts[0].children())
        return networks[id(parts[0])]() if len(parts) == 1 else None

    def _averaged_by(self, copy: AveragedModel) -> nn.Module | None:
        """The trained network that a copy averages; its parts have the names of the network's."""
        alive = (network for ref in self._networks.values() if (network := ref()) is not None)
        found = next((network for network in alive if is_like(copy.module, network)), None)
        if found is not None:
            own = {id(part): path for path, part in named_modules(copy.module)}
            self._names = {**self._names, **own}
        return found

    def _note(self, seen: Seen, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        path = self._names.get(id(module))
        if isinstance(module, _BatchNorm):
            seen.gathers |= module.momentum is None
            if inputs and isinstance(inputs[0], Tensor):
                name = path or type(module).__name__
                if not seen.norm:
                    seen.norm, seen.norm_samples = name, len(inputs[0])
                self._normalises(name, module, inputs[0])
        elif not isinstance(module, _NormBase):
            if path is None:
                self._note_loose(seen)
            else:
                seen.dropouts[path] = None

    def _note_loose(self, seen: Seen) -> None:
        """Something that no mode reaches drops units within the module that runs."""
        inside = [one for ref in self._stack if (one := ref()) is not None]
        owner = next((m for m in reversed(inside) if id(m) in self._names), seen.network)
        if seen.training or not owner.training:
            seen.loose[self._names.get(id(owner), "")] = None

    def _calls_dropout(
        self,
        name: str,
        original: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> None:
        if threading.get_ident() == self._thread:
            drops = _attends if name == ATTENTION else _drops(original)
            self._guard(self._called, drops, args, kwargs)

    def _calls_loss(
        self, name: str, _: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        if threading.get_ident() == self._thread:
            self._guard(self._compared, args, kwargs)

    def _compared(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """A loss is about to be taken: is it that of the latest pass?"""
        made = self._answer()
        named = (kwargs.get("input"), kwargs.get("target"))
        input, target = (*args, *named[len(args) :])[:2]
        if made is None or not (isinstance(input, Tensor) and isinstance(target, Tensor)):
            return
        if is_readable(made) and is_readable(input) and input.data_ptr() == made.data_ptr():
            self._answer = _no_answer
            self._compares(input, target)
            self._register()

    def _called(
        self, drops: Callable[..., bool], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        if self._pass is None or not self._stack or not drops(*args, **kwargs):
            return
        inner = self._stack[-1]()
        if not (isinstance(inner, _DropoutNd | nn.MultiheadAttention) and inner.training):
            self._note_loose(self._pass)

    def _end(self, module: nn.Module, output: Any) -> None:
        if not any(ref() is module for ref in self._stack):
            return
        while self._stack and self._stack.pop()() is not module:
            pass
        if self._stack or self._pass is None:
            return
        seen, self._pass = self._pass, None
        if isinstance(output, Tensor):
            self._answer = weakref.ref(output)
        self._register()
        if not self._follow(seen):
            self.close()


def _nobody(_: Seen) -> bool:
    """In place of whoever follows."""
    return False


def _nothing(*_: Any) -> None:
    """In place of whoever looks at normalisations, or at losses."""


def _no_answer() -> Tensor | None:
    """In place of a weak reference."""
    return None


def _drops(original: Callable[..., Any]) -> Callable[..., bool]:
    """Whether a call of a function of dropout drops anything."""
    default = inspect.signature(original).parameters["training"].default

    def drops(
        input: Any = None, p: float = 0.5, training: bool = default, *_: Any, **__: Any
    ) -> bool:
        return bool(training) and p > 0

    return drops


def _attends(*args: Any, **kwargs: Any) -> bool:
    """Whether a call of attention drops anything."""
    p = args[4] if len(args) > 4 else kwargs.get("dropout_p", 0.0)
    return bool(p > 0)


_DROPOUTS = WrappedFunctions((*DROPOUTS, ATTENTION))
_LOSSES = WrappedFunctions(LOSSES)
"""Shared by all recorders of the process."""
