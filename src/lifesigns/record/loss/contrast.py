"""The contrastive loss of pairs: `w d² + (1 - w) max(0, m - d)²` for a distance `d`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import source
from lifesigns.record.measure.reduce import Pack

CUTS = ("ClampMin", "Clamp", "Relu")


class Sides(NamedTuple):
    """What draws the pairs together, and what drives them apart; each of one number a pair."""

    together: Tensor
    """What the square of the distance is multiplied by: 0 for pairs that are driven apart."""
    apart: Tensor
    distance: Tensor
    cut: Tensor
    """The margin less the distance, where that is positive; anything else where it is not."""


def sides_of(walked: Walk, left: int, right: int) -> Sides | None:
    """The two products that are added; None if they are no contrast.

    Args:
        walked: The graph of the loss.
        left: Index of the one.
        right: Index of the other.
    """
    products = [_weighted(walked, i) for i in (left, right)]
    if products[0] is None or products[1] is None:
        return None
    (one, square), (other, second) = products[0], products[1]
    cuts = [source(walked, i) for i in (square, second)]
    names = [walked.names[i] if i is not None else "" for i in cuts]
    if (names[0] in CUTS) == (names[1] in CUTS):
        return None
    if names[0] in CUTS:
        one, other, square, cuts = other, one, second, [cuts[1], cuts[0]]
    distance, cut = saved(walked.nodes[square], "self"), _before(walked, cuts[1])
    if distance is None or cut is None:
        return None
    numel = one.numel()
    if not distance.numel() == cut.numel() == other.numel() == numel or numel < len(names):
        return None
    if one.is_cpu and not bool(are_complements(one, other)):
        return None
    flat = (v.detach().reshape(-1).float() for v in (one, other, distance, cut))
    return Sides(*flat)


def _weighted(walked: Walk, i: int) -> tuple[Tensor, int] | None:
    """Data that multiplies a square, and the index of the square."""
    if walked.names[i] != "Mul" or len(walked.inputs[i]) != 2:
        return None
    below = next((j for j in walked.inputs[i] if j is not None), None)
    data = saved(walked.nodes[i], "self" if walked.inputs[i][0] is None else "other")
    if below is None or below < 0 or None not in walked.inputs[i] or not isinstance(data, Tensor):
        return None
    if walked.names[below] == "Mul":  # a factor of 1/2
        below = next((j for j in walked.inputs[below] if j is not None), -1)
    is_square = below >= 0 and walked.names[below] == "Pow"
    return (data, below) if is_square and saved(walked.nodes[below], "exponent") == 2 else None


def _before(walked: Walk, i: int | None) -> Tensor | None:
    if i is None:
        return None
    value = saved(walked.nodes[i], "self")
    value = saved(walked.nodes[i], "result") if value is None else value
    return value if isinstance(value, Tensor) else None


def are_complements(one: Tensor, other: Tensor) -> Tensor:
    """Whether each pair counts on one side alone.

    Args:
        one: What a side is weighted by.
        other: What the other is, of as many pairs.
    """
    a, b = one.reshape(-1) != 0, other.reshape(-1) != 0
    return (a ^ b).all() & a.any() & b.any()


class PendingContrast(NamedTuple):
    """What the values of the pairs tell, still on the device."""

    slot: int
    is_sure: bool
    """Whether each pair is known to count on one side alone, without which it is no contrast."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The detail of the loss: its margin, NaN if no pair is closer.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        return {"margin": float(arrays[self.slot][2])}

    def constant(self, arrays: list[NDArray[np.float64]]) -> float:
        """The least mean loss of one distance for all pairs, which lies between 0 and the margin.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        near, far, margin, _ = map(float, arrays[self.slot])
        return near * far / (near + far) * margin**2 if near + far > 0 else 0.0

    def is_one(self, arrays: list[NDArray[np.float64]]) -> bool:
        """Whether each pair counts on one side alone.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        return bool(arrays[self.slot][3])


def contrast(pack: Pack, sides: Sides) -> PendingContrast:
    """What the values of the pairs tell.

    Args:
        pack: Where the numbers wait for the copy.
        sides: Of the pairs.
    """
    is_one = are_complements(sides.together, sides.apart).float()
    numbers = [sides.together.mean(), sides.apart.mean(), _margin_of(sides), is_one]
    return PendingContrast(pack.add(torch.stack(numbers)), sides.together.is_cpu)


def each_of(sides: Sides) -> Tensor:
    """The loss of each pair."""
    return sides.together * sides.distance.square() + sides.apart * sides.cut.clamp_min(0).square()


def _margin_of(sides: Sides) -> Tensor:
    """The margin, from pairs closer than it; NaN if there is none."""
    closer, whole = sides.cut > 0, sides.cut + sides.distance
    if whole.is_cpu:
        return whole[closer].mean()
    return torch.where(closer, whole, 0.0).sum() / closer.sum()
