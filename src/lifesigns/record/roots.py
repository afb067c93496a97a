"""The networks that are trained, found by themselves, and the names of their parts."""

from __future__ import annotations

import weakref
from collections.abc import Iterable

from torch import Tensor, nn
from torch.optim import Optimizer

from lifesigns.record.forward import (
    Call,
    Forward,
    first_tensor,
    is_root,
    module_names,
    root_prefixes,
)
from lifesigns.record.reading import Inputs
from lifesigns.record.walk import Walk


class Roots:
    """The root modules: outermost modules whose nodes the losses lead to.

    Args:
        model: The only root; None finds them. Nothing here keeps a module alive.
    """

    def __init__(self, model: nn.Module | None) -> None:
        self._fixed = model is not None
        self._modules: list[weakref.ref[nn.Module]] = [weakref.ref(model)] if model else []
        self._leaf_names: dict[int, str] = {}

    @property
    def count(self) -> int:
        """How many root modules are known."""
        return len(self._modules)

    def name(self, leaf: Tensor, k: int) -> str:
        """Name of leaf number `k` of a walk."""
        return self._leaf_names.get(id(leaf)) or f"parameter{k}"

    def parameters(self) -> dict[str, Tensor]:
        """The named parameters of the roots."""
        found = (p for root in self._alive() for p in root.parameters())
        return {self._leaf_names[id(p)]: p for p in found if id(p) in self._leaf_names}

    def forward(self, walked: Walk, calls: list[Call]) -> Forward:
        """The forward calls of a step, with the names of the modules below the roots."""
        if not self._fixed:
            self._discover(walked, Forward(calls))
        roots = _outermost(self._alive())
        if any(id(leaf) not in self._leaf_names for leaf in walked.leaves):
            self._leaf_names = _parameter_names(roots)
        return Forward(calls, module_names(roots))

    def is_reached(self, walked: Walk, forward: Forward) -> bool:
        """Whether a loss leads to the model that is to be watched."""
        if not self._fixed or any(id(leaf) in self._leaf_names for leaf in walked.leaves):
            return True
        return any(p.known for p in forward.places([n._sequence_nr() for n in walked.nodes]))

    def are_trained_by(self, optimizer: Optimizer) -> bool:
        """Whether an optimizer holds parameters of the model that is to be watched."""
        if not self._fixed:
            return True
        own = {id(p) for root in self._alive() for p in root.parameters()}
        return any(id(p) in own for group in optimizer.param_groups for p in group["params"])

    def _discover(self, walked: Walk, forward: Forward) -> None:
        numbers = [node._sequence_nr() for node in walked.nodes] or [0]
        known = {id(root) for root in self._alive()}
        for call in forward.roots_of(numbers[0], numbers[-1]):
            module = call.module()
            if module is not None and id(module) not in known and is_root(module):
                known.add(id(module))
                self._modules.append(weakref.ref(module))

    def _alive(self) -> list[nn.Module]:
        alive = [(ref, ref()) for ref in self._modules]
        self._modules = [ref for ref, module in alive if module is not None]
        return [module for _, module in alive if module is not None]


def root_inputs(walked: Walk, forward: Forward) -> Inputs:
    """Input of the first and output of the last root module that a loss passed through."""
    if not forward.calls or not len(walked):
        return Inputs()
    first, last = walked.nodes[0]._sequence_nr(), walked.nodes[-1]._sequence_nr()
    roots = [
        call
        for call in forward.roots_of(first, last)
        if (module := call.module()) is not None and id(module) in forward.names
    ]
    if not roots:
        return Inputs()
    return Inputs(roots[0].input, first_tensor(roots[-1].output))


def _outermost(roots: Iterable[nn.Module]) -> list[nn.Module]:
    """The roots that are not part of another root."""
    roots = list(roots)
    if len(roots) < 2:
        return roots
    inner = {id(m) for root in roots for m in root.modules() if m is not root}
    return [root for root in roots if id(root) not in inner]


def _parameter_names(roots: list[nn.Module]) -> dict[int, str]:
    names: dict[int, str] = {}
    for prefix, root in zip(root_prefixes(roots), roots, strict=True):
        for name, p in root.named_parameters():
            names.setdefault(id(p), f"{prefix}.{name}" if prefix else name)
    return names
