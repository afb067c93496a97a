"""The networks that are trained, found by themselves, and the names of their parts."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping

from torch import Tensor, nn
from torch.optim import Optimizer

from lifesigns.record.graph.keras_layers import optimizer_name
from lifesigns.record.graph.known_modules import KnownModules
from lifesigns.record.graph.module_calls import (
    Call,
    Forward,
    Inputs,
    is_root,
    uncompiled,
)
from lifesigns.record.graph.module_names import (
    kinds_of,
    module_names,
    named_parameters,
    root_prefixes,
)
from lifesigns.record.graph.prediction import Prediction
from lifesigns.record.graph.unregistered import unregistered
from lifesigns.record.graph.walk import Walk
from lifesigns.record.readable import is_readable

Named = Callable[[nn.Module], Iterable[tuple[str, Tensor]]]
"""Lists the parameters of a module with their names."""


class Roots:
    """The root modules: outermost modules whose nodes the losses lead to.

    Args:
        model: The only root; None finds them. Nothing here keeps a module alive.
    """

    def __init__(self, model: nn.Module | None) -> None:
        self.fixed = model is not None
        """Whether the root was given rather than found."""
        self._modules = [] if model is None else [weakref.ref(uncompiled(model))]
        self._leaf_names: dict[int, tuple[weakref.ref[Tensor], str]] = {}
        self._known: KnownModules | None = None

    def name(self, leaf: Tensor, k: int) -> str:
        """Name of leaf number `k` of a walk.

        Args:
            leaf: A parameter, or another tensor that gets a gradient.
            k: Its number among the leaves.

        Returns:
            Its path in the model; `parameter` and its number if no module holds it.
        """
        return self._name_of(leaf) or f"parameter{k}"

    def parameters(self, *, listed: bool = False) -> dict[str, Tensor]:
        """The parameters the roots hold at this moment, by name.

        Args:
            listed: Whether `forward` has listed the same just now.
        """
        roots = _outermost(self._alive())
        if len(roots) == 1:
            known = self._known if listed else None
            return (known or self._of(roots[0])).parameters()
        found = _parameter_names(roots).values()
        return {name: p for ref, name in found if (p := ref()) is not None and p.is_leaf}

    def networks(self) -> list[nn.Module]:
        """The roots that are alive."""
        return self._alive()

    def named(self) -> tuple[list[nn.Module], Mapping[int, str]]:
        """The roots that are no part of another, and the path of every module in them by `id`."""
        roots = _outermost(self._alive())
        return roots, self._of(roots[0]).names if len(roots) == 1 else module_names(roots)

    def optimizers(self) -> tuple[str, ...]:
        """Class names of the optimizers that the roots hold themselves, as those of Keras do."""
        return tuple(dict.fromkeys(filter(None, map(optimizer_name, self._alive()))))

    def forget(self) -> None:
        """The networks found so far are trained elsewhere."""
        if not self.fixed:
            self._modules, self._leaf_names = [], {}

    def forward(self, walked: Walk, calls: list[Call]) -> Forward:
        """The forward calls of a step, with the names of the modules below the roots.

        Args:
            walked: The graph of the loss.
            calls: The module calls of the step.
        """
        if not self.fixed:
            self._discover(walked, Forward(calls))
        roots, modules = self.named()
        self._learn(walked, roots, calls, modules)
        return Forward(calls, modules, {id(root) for root in roots})

    def learn(self, walked: Walk) -> None:
        """Names the leaves of a step whose forward pass was not noted: a layer may be new.

        Args:
            walked: The graph of the loss.
        """
        self._learn(walked, _outermost(self._alive()), [], {})

    def is_reached(self, walked: Walk, forward: Forward) -> bool:
        """Whether a loss leads to the model that is to be watched.

        Args:
            walked: The graph of the loss.
            forward: The module calls of the step; empty if they were not noted.
        """
        if not self.fixed or any(map(self._name_of, walked.leaves)):
            return True
        return any(p.known for p in forward.places(walked.numbers))

    def are_in(self, module: nn.Module) -> bool:
        """Whether a module is one of the roots, or a wrapper around one."""
        roots = {id(root) for root in self._alive()}
        return bool(roots) and any(id(one) in roots for one in module.modules())

    def are_trained_by(self, optimizer: Optimizer) -> bool:
        """Whether an optimizer holds parameters of the model that is to be watched."""
        if not self.fixed:
            return True
        own = {id(p) for root in self._alive() for p in root.parameters()}
        return any(id(p) in own for group in optimizer.param_groups for p in group["params"])

    def _of(self, root: nn.Module) -> KnownModules:
        """What a single root holds at this moment."""
        known = self._known
        if known is None or not known.is_of(root):
            known = self._known = KnownModules(root)
        return known

    def _learn(
        self, walked: Walk, roots: list[nn.Module], calls: list[Call], modules: Mapping[int, str]
    ) -> None:
        if not all(map(self._name_of, walked.leaves)):
            self._leaf_names = {
                **_lent_names(calls, modules),
                **_parameter_names(roots, unregistered),
                **_parameter_names(roots),
            }

    def _name_of(self, leaf: Tensor) -> str:
        """Empty if unknown; a dead parameter's `id` may be that of a new one."""
        known = self._leaf_names.get(id(leaf))
        return known[1] if known is not None and known[0]() is leaf else ""

    def _discover(self, walked: Walk, forward: Forward) -> None:
        numbers = walked.numbers or [0]
        known = {id(root) for root in self._alive()}
        for call in forward.roots_of(numbers[0], numbers[-1]):
            module = call.module()
            if module is not None and id(module) not in known and is_root(module):
                known.add(id(module))
                self._modules.append(weakref.ref(module))

    def _alive(self) -> list[nn.Module]:
        alive = [(ref, module) for ref in self._modules if (module := ref()) is not None]
        if len(alive) < len(self._modules):
            self._modules = [ref for ref, _ in alive]
            self._leaf_names = {}  # the others' prefixes may change
        return [module for _, module in alive]


class Places:
    """Names of the parameters of modules that ran, each with the class of its module in front.

    Modules of the same class are numbered.

    Args:
        modules: Outermost modules; None for one that is gone.
    """

    def __init__(self, modules: Iterable[nn.Module | None]) -> None:
        self._modules = {id(module): module for module in modules if module is not None}
        self._names: dict[int, str] | None = None

    def __call__(self, parameter: Tensor) -> str:
        """The name of a parameter; empty if none of the modules has it."""
        if self._names is None:  # hardly ever asked for
            modules = list(self._modules.values())
            self._names = {
                id(p): f"{kind}.{name}"
                for kind, module in zip(kinds_of(modules), modules, strict=True)
                for name, p in named_parameters(module)
            }
        return self._names.get(id(parameter), "")


def root_inputs(walked: Walk, forward: Forward) -> Inputs:
    """Input of the first and output of the last root module that a loss passed through.

    Args:
        walked: The graph of the loss.
        forward: The module calls of the step.
    """
    if not forward.calls or not len(walked):
        return Inputs()
    first, last = walked.numbers[0], walked.numbers[-1]
    roots = [
        call
        for call in forward.roots_of(first, last)
        if (module := call.module()) is not None and id(module) in forward.names
    ]
    if not roots:
        return Inputs()
    prediction = roots[-1].prediction
    if prediction is not None and not _is_as_it_was(prediction):
        prediction = None
    widest = _widest(roots[0], forward)
    return Inputs(roots[0].input, prediction, roots[0].obstacle, widest, roots[0].module)


def _widest(measured: Call, forward: Forward) -> Tensor | None:
    """The largest batch of a module in one step: a call may be for the boundary alone."""
    given = measured.input
    for call in forward.calls if given is not None and given.dim() else ():
        other = call.input
        if (
            given is None
            or other is None
            or call.module() is not measured.module()
            or call.training != measured.training
        ):
            continue
        if other.dim() and other.shape[1:] == given.shape[1:] and len(other) > len(given):
            given = other
    return given


def _is_as_it_was(prediction: Prediction) -> bool:
    return is_readable(prediction.value) and not prediction.is_overwritten


def _outermost(roots: Iterable[nn.Module]) -> list[nn.Module]:
    """The roots that are not part of another root."""
    roots = list(roots)
    if len(roots) < 2:
        return roots
    inner = {id(m) for root in roots for m in root.modules() if m is not root}
    return [root for root in roots if id(root) not in inner]


def _lent_names(
    calls: Iterable[Call], modules: Mapping[int, str]
) -> dict[int, tuple[weakref.ref[Tensor], str]]:
    """Names of the parameters that modules held only while they ran."""
    names: dict[int, tuple[weakref.ref[Tensor], str]] = {}
    for call in calls:
        path = modules.get(id(call.module()))
        for name, ref in call.parameters if path is not None else ():
            names[id(ref())] = ref, f"{path}.{name}" if path else name
    return names


def _parameter_names(
    roots: list[nn.Module], named: Named = named_parameters
) -> dict[int, tuple[weakref.ref[Tensor], str]]:
    names: dict[int, tuple[weakref.ref[Tensor], str]] = {}
    for prefix, root in zip(root_prefixes(roots), roots, strict=True):
        for name, p in named(root):
            names.setdefault(id(p), (weakref.ref(p), f"{prefix}.{name}" if prefix else name))
    return names
