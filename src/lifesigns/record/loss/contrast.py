"""The contrastive loss of pairs: `w d² + (1 - w) max(0, m - d)²` for a distance `d`."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import source

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
    if distance is None or cut is None or not _are_complements(one, other):
        return None
    numel = one.numel()
    if not distance.numel() == cut.numel() == other.numel() == numel or numel < len(names):
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


def _are_complements(one: Tensor, other: Tensor) -> bool:
    """Whether each pair counts on one side alone."""
    if one.numel() != other.numel():
        return False
    a, b = one.reshape(-1) != 0, other.reshape(-1) != 0
    return bool((a ^ b).all()) and bool(a.any()) and bool(b.any())


def lowest(sides: Sides, margin: float) -> float:
    """The least mean loss of one distance for all pairs, which lies between 0 and the margin.

    Args:
        sides: Of the pairs.
        margin: Beyond which pairs are not driven further apart.
    """
    near, far = float(sides.together.mean()), float(sides.apart.mean())
    return near * far / (near + far) * margin**2 if near + far > 0 else 0.0


def each_of(sides: Sides) -> Tensor:
    """The loss of each pair."""
    return sides.together * sides.distance.square() + sides.apart * sides.cut.clamp_min(0).square()


def margin_of(sides: Sides) -> float:
    """The margin, from pairs closer than it; NaN if there is none."""
    closer = sides.cut > 0
    whole = (sides.cut + sides.distance)[closer]
    return float(whole.mean()) if torch.any(closer) else float("nan")
