"""Scales of a likelihood that come out of a ReLU, or of a clamp: at its floor they get no gradient.

A likelihood adds log v and an error that is divided by v. Where v is the floor, an error is divided
by next to nothing, and nothing tells v to grow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.log_scales import added_logarithms
from lifesigns.record.loss.sources import PASSING
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.measure.sequence_rows import MAPS

_MOST_STEPS = 64
"""Nodes between the floor and what is made of it."""
_CLAMPS = frozenset({"Clamp", "ClampMin"})
_KEEPING = PASSING | _CLAMPS | {"Add", "ClampMax", "Div", "Mul", "Pow", "Sqrt"}
"""What keeps the order of sizes, where nothing else of a gradient goes into it."""
_SIGNED = PASSING | {"Mul", "Neg"}
_PIECES = PASSING | {"Select", "Slice", "Split", "SplitWithSizes", "Unbind"}


class PendingFloor(NamedTuple):
    """What is known of the errors that are divided by the floor, still on the device."""

    slot: int
    site: int
    """Number of the site that has the floor; -1 for none."""
    clamped: bool

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: the scales at the floor, and the errors divided by these and others.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        share, floor, there, elsewhere = arrays[self.slot].tolist()
        return {
            "scales_at_floor": share,
            "floor_of_scales": floor,
            "error_at_floor": there,
            "error_elsewhere": elsewhere,
            "floor_by_clamp": float(self.clamped),
            "floor_site": float(self.site),
        }


def gated_scales(pack: Pack, walked: Walk, sites: Mapping[int, int]) -> PendingFloor | None:
    """Looks at the errors that are divided by a scale out of a ReLU or a clamp.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.
        sites: Numbers of the sites by their nodes.

    Returns:
        None where no logarithm of such a scale is added to the loss.

    Cost: one look at each name; some passes over the errors where the form is this.
    """
    gates = {i: _gate(walked, i) for i, name in enumerate(walked.names) if name == "Log"}
    added = added_logarithms(walked) if any(gate is not None for gate in gates.values()) else set()
    for gate in (gate for i, gate in gates.items() if gate is not None and i in added):
        for divides in _divisions(walked, gate):
            at_floor, numbers = _at_floor(walked, gate), _errors(walked, divides)
            if at_floor is not None and numbers is not None:
                slot = pack.add(torch.stack([at_floor, *numbers]))
                return PendingFloor(slot, sites.get(gate, -1), walked.names[gate] in _CLAMPS)
    return None


def _only(walked: Walk, i: int) -> int | None:
    """What a node reads that has a gradient, if that is one node."""
    given = [j for j in walked.inputs[i] if j is not None]
    return given[0] if len(given) == 1 and given[0] >= 0 else None


def _gate(walked: Walk, log: int) -> int | None:
    """The ReLU that a logarithm is taken of, or the clamp of what a linear map makes.

    A clamp of what is positive anyway, as of an exponential, is none.
    """
    at, clamp = _only(walked, log), None
    for _ in range(_MOST_STEPS):
        if at is None or walked.names[at] == "Relu":
            return at
        if walked.names[at] in _CLAMPS:
            clamp = at
        elif walked.names[at] not in _KEEPING:
            break
        at = _only(walked, at)
    at = None if clamp is None else _only(walked, clamp)
    while at is not None and walked.names[at] in _PIECES:
        at = _only(walked, at)
    return clamp if at is not None and walked.names[at] in MAPS else None


def _divisions(walked: Walk, gate: int) -> Iterator[int]:
    """Nodes that divide something computed by what a floor made."""
    waiting, seen = [gate], {gate}
    while waiting and len(seen) < _MOST_STEPS:
        at = waiting.pop()
        for later in walked.readers.get(at, ()):
            inputs = walked.inputs[later]
            if walked.names[later] == "Div" and inputs[1] == at and inputs[0] not in (None, at):
                yield later
            elif walked.names[later] in _KEEPING and _only(walked, later) == at:
                waiting += [later] if later not in seen else []
                seen.add(later)


def _at_floor(walked: Walk, gate: int) -> Tensor | None:
    """The share of the numbers that are the floor."""
    node = walked.nodes[gate]
    if walked.names[gate] == "Relu":
        result = saved(node, "result")
        return None if result is None else (result == 0).float().mean()
    given, least = saved(node, "self"), saved(node, "min")
    if not isinstance(given, Tensor) or not isinstance(least, int | float):
        return None
    return (given.detach() <= least).float().mean()


def _errors(walked: Walk, divides: int) -> tuple[Tensor, Tensor, Tensor] | None:
    """The smallest scale, and the mean squares that are divided by it, and by others."""
    error, scale = (saved(walked.nodes[divides], word) for word in ("self", "other"))
    if not isinstance(error, Tensor) or not isinstance(scale, Tensor) or not scale.numel():
        return None
    scale = scale.detach().float()
    size = (error.detach() / scale).float().abs()
    if not _is_square(walked, walked.inputs[divides][0]) and _is_squared(walked, divides):
        size = size.square()
    floor = scale.amin()
    is_there = (scale == floor).expand_as(size)
    return floor, size[is_there].mean(), size[~is_there].mean()


def _is_square(walked: Walk, i: int | None) -> bool:
    while i is not None and i >= 0 and walked.names[i] in _SIGNED:
        if len(walked.inputs[i]) > len({*walked.inputs[i]}):  # x * x
            return True
        i = _only(walked, i)
    return i is not None and i >= 0 and walked.names[i] == "Pow"


def _is_squared(walked: Walk, i: int) -> bool:
    while len(after := walked.readers.get(i, [])) == 1:
        i = after[0]
        if _is_square(walked, i):
            return True
        if walked.names[i] not in _SIGNED:
            return False
    return False
