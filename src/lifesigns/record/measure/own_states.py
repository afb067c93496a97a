"""Whether a network is given back tensors that are its own, after they were trained."""

from __future__ import annotations

import weakref
from collections.abc import Container, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lifesigns.record.measure.measuring import measuring
from lifesigns.record.measure.spot_check import spots
from lifesigns.record.readable import is_readable
from lifesigns.records import OwnLoad

MOST = 16
"""States that are remembered, the latest of those that the program still holds."""
FEWEST = 3
"""Loads in a row that change nothing: one may be of what has just been kept."""
ROUNDED, CHANGED = 1e-6, 1e-4
"""By how much weights differ, over the largest: where a mixture of equal ones is rounded at most,
and where they were trained at least."""


class _State(NamedTuple):
    """What `state_dict()` has returned."""

    mark: weakref.ref[Tensor]
    """One of its tensors: a copy is made of others."""
    step: int
    weight: weakref.ref[Tensor]
    """A weight of the network..."""
    numbers: Tensor | None
    """... and some numbers of it."""


class OwnStates:
    """Remembers when states were taken that share the memory of the network.

    Nothing here keeps a tensor of the network alive.
    """

    def __init__(self) -> None:
        self._states: dict[int, _State] = {}
        self._unchanged = 0
        """Loads in a row that changed nothing, with a state that was taken since the one before."""
        self._latest = 0
        """The step of the latest load."""
        self.load: OwnLoad | None = None
        """The first load of such a state into the network it was taken of, trained since."""

    def taken(
        self,
        module: nn.Module,
        state: Mapping[str, object],
        step: int,
        trained: Container[Tensor] = (),
    ) -> None:
        """A module has told its state.

        Args:
            module: Whole.
            state: What `state_dict()` returned.
            step: Completed steps of training.
            trained: Parameters that were trained here before.

        Cost: 30 µs, little more for a large network; no device is waited for.
        """
        mark = next((t for t in state.values() if isinstance(t, Tensor)), None)
        if self.load is not None or mark is None or isinstance(mark, nn.Parameter):
            return
        weight = _first_trained(module, trained)
        if weight is None:
            return
        self._states = {i: s for i, s in self._states.items() if s.mark() is not None}
        if len(self._states) == MOST:
            del self._states[next(iter(self._states))]
        with measuring():
            made = _State(weakref.ref(mark), step, weakref.ref(weight), spots(weight))
        self._states[id(mark)] = made

    def loaded(
        self,
        module: nn.Module,
        given: Mapping[str, object],
        step: int,
        trained: Container[Tensor] = (),
    ) -> None:
        """A module was given a checkpoint, whose numbers it has copied.

        Args:
            module: As it is now.
            given: The checkpoint.
            step: Completed steps of training.
            trained: Parameters that were trained here before.
        """
        if self.load is not None or not self._states:
            return
        found = [s for t in given.values() if (s := self._states.get(id(t))) and s.mark() is t]
        latest = max(found, key=lambda state: state.step, default=None)
        if latest is None:
            self._mixed(module, step, trained)
            return
        if latest.step >= step or not _are_given_back(module, given, trained):
            return
        weight = latest.weight()
        with measuring():
            if weight is not None and _is_another(latest.numbers, spots(weight)):
                self.load = OwnLoad(type(module).__name__, latest.step, step)

    def _mixed(self, module: nn.Module, step: int, trained: Container[Tensor]) -> None:
        """A module was given tensors that are no state of it, but may be computed of two."""
        weight, since = _first_trained(module, trained), self._latest
        self._latest = step
        known = [s for s in self._states.values() if s.mark() is not None and s.weight() is weight]
        before = next((s for s in known if since <= s.step < step), None)
        after = next((s for s in known if s.step == step), None)
        if weight is None or before is None or after is None:
            return
        with measuring():
            now = spots(weight)
            is_kept = _apart(after.numbers, now) < ROUNDED
            self._unchanged = self._unchanged + 1 if is_kept else 0
            if self._unchanged >= FEWEST and _apart(before.numbers, now) > CHANGED:
                self.load = OwnLoad(type(module).__name__, before.step, step, is_mixed=True)


def _first_trained(module: nn.Module, trained: Container[Tensor]) -> Tensor | None:
    """A parameter of a module that was trained, else one that may be."""
    found = next((p for p in nn.Module.parameters(module) if p in trained), None)
    if found is None:
        found = next((p for p in nn.Module.parameters(module) if p.requires_grad), None)
    return found


def _are_given_back(
    module: nn.Module, given: Mapping[str, object], trained: Container[Tensor]
) -> bool:
    """Whether all trained parameters of a module are given the memory that they lie in."""
    own = {name: p for name, p in nn.Module.named_parameters(module) if p in trained}
    return bool(own) and all(_is_same(given.get(name), p) for name, p in own.items())


def _is_same(given: object, own: Tensor) -> bool:
    if not (isinstance(given, Tensor) and is_readable(given) and is_readable(own)):
        return False
    return given.data_ptr() == own.data_ptr() != 0 and given.shape == own.shape


def _is_another(before: Tensor | None, after: Tensor | None) -> bool:
    return before is not None and after is not None and not torch.equal(before.to(after), after)


def _apart(before: Tensor | None, after: Tensor | None) -> float:
    """The largest difference between some numbers of a weight, over the largest of them."""
    if before is None or after is None or before.shape != after.shape:
        return float("nan")
    largest = after.abs().amax().clamp_min(torch.finfo(after.dtype).tiny)
    return float((before.to(after) - after).abs().amax() / largest)
