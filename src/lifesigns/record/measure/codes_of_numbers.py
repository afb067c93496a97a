"""What is added to the numbers of a sequence behind the linear map that attention is in front of.

Of numbers no two places are alike, as a token is wherever it stands. But the map's own values can
be computed again from its data and its weight: what is left is what was added, and a bias.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lifesigns.record.graph.products import Product, data_of, parameter_of
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.sequence_rows import LAYOUT, MAPS
from lifesigns.record.readable import readable

COMPARED = 4
"""Sequences that are compared with one another, and the fewest places."""
EQUAL = 1e-5
"""Of the largest value: sums are rounded."""
SUMS, FACTORS = frozenset({"Add", "Sub"}), frozenset({"Mul", "Div", "NativeDropout"})


class Added(NamedTuple):
    """What is added to the first sequences of a batch, `[sequences, places, width]`."""

    values: Tensor
    kept: Tensor
    """Which of the values no dropout took away."""
    scale: Tensor
    """The largest value that they were taken out of."""
    number: Tensor
    """One number of the data."""

    def is_same(self) -> Tensor:
        """Whether all places of a sequence get the same, and not all sequences."""
        return (self._range((1,)) <= self._least) & (self._range((0, 1)) > self._least)

    @property
    def _least(self) -> Tensor:
        return EQUAL * self.scale

    def _range(self, dims: tuple[int, ...]) -> Tensor:
        most = self.values.masked_fill(~self.kept, -torch.inf).amax(dims)
        least = self.values.masked_fill(~self.kept, torch.inf).amin(dims)
        return (most - least).amax()

    def apart(self, one: int, other: int) -> Tensor:
        """Root mean square of what two sequences get; -1 where a dropout left no value of a unit.

        Args:
            one: A sequence.
            other: Another one.
        """
        count = self.kept.sum(1)
        mean = (self.values * self.kept).sum(1) / count.clamp_min(1)
        size = (mean[one] - mean[other]).square().mean().sqrt()
        return torch.where((count[[one, other]] > 0).all(), size, -1.0)


class _Way(NamedTuple):
    """From a linear map of data to what is looked at: the map, and what its values become."""

    product: int
    shape: tuple[int, ...]
    """In which its values are laid out first, with samples and places apart."""
    factors: tuple[Tensor, ...]
    """By which they are multiplied."""


def added(walked: Walk, index: int | None, given: Tensor, *, places_first: bool) -> Added | None:
    """What is added to a linear map of data on the way to what attention is given.

    Args:
        walked: The graph.
        index: The node that made what is given.
        given: `[sequences, places, width]`, or the first two exchanged.
        places_first: Whether they are.

    Returns:
        None where the way is another, or as many sequences as places are not told from each other.

    Cost: one small product, of four sequences.
    """
    if given.dim() != 3 or given.shape[0] == given.shape[1] or min(given.shape[:2]) < COMPARED:
        return None
    way = _way(walked, index)
    if way is None:
        return None
    product = Product(way.product, *walked.inputs[way.product][-2:])
    leaf, data = parameter_of(walked, product), data_of(walked, product)
    weight = None if leaf is None else readable(walked.leaves[leaf])
    if data is None or weight is None:
        return None
    is_turned = product.weight is not None and product.weight >= 0
    weight = weight.detach().t() if is_turned else weight.detach()
    rows = data.detach().reshape(*way.shape[:-1], data.shape[-1])
    sizes = given.shape[:2]
    laid_out = [_in_order(t, sizes, places_first) for t in (rows, *way.factors)]
    values = given.detach().transpose(0, 1) if places_first else given.detach()
    values, (rows, *factors) = values[:COMPARED].double(), laid_out
    if weight.shape != (rows.shape[-1], values.shape[-1]):
        return None
    rows = rows[:COMPARED].double()
    made, kept = rows @ weight.double(), torch.ones_like(values, dtype=torch.bool)
    for factor in factors:
        made = made * (factor if factor.dim() < 3 else factor[:COMPARED])
        kept = kept & ((factor if factor.dim() < 3 else factor[:COMPARED]) != 0)
    weights = torch.arange(1, rows.numel() + 1, device=rows.device, dtype=rows.dtype).sqrt()
    scale = torch.maximum(values.abs().amax(), made.abs().amax())
    return Added(values - made, kept, scale, (rows.reshape(-1) * weights).sum())


def _in_order(values: Tensor, sizes: tuple[int, ...], places_first: bool) -> Tensor:
    """With the sequences first, whichever axis they were."""
    if values.dim() < 3:
        return values
    sequences, places = reversed(sizes) if places_first else sizes
    return values.transpose(0, 1) if values.shape[:2] == (places, sequences) else values


def _way(walked: Walk, index: int | None) -> _Way | None:
    """The way down to a linear map of data that the first of two summands is made of."""
    factors: list[Tensor] = []
    shape: tuple[int, ...] = ()
    is_sum = False
    while index is not None and index >= 0:
        name, inputs = walked.names[index], walked.inputs[index]
        shape = wide if len(wide := walked.shape(index)) == 3 else shape
        if name in MAPS:
            fits = is_sum and shape and inputs[-2 if name != "Linear" else 0] is None
            return _Way(index, shape, tuple(factors)) if fits else None
        if name in FACTORS:
            factor = _factor(walked, index)
            if factor is None:
                return None
            factors.append(factor)
        elif name in SUMS:
            is_sum = True
            if name == "Add" and (inputs[0] is None or inputs[0] < 0):
                inputs = inputs[1:]
        elif name not in LAYOUT:
            return None
        index = inputs[0]
    return None


def _factor(walked: Walk, index: int) -> Tensor | None:
    """By which constants a node multiplies its data: a number, or a dropout's noise."""
    node, name = walked.nodes[index], walked.names[index]
    if name == "NativeDropout":
        mask = saved(node, "result1")
        return None if mask is None else mask.double() / max(1 - float(saved(node, "p")), 1e-9)
    other, sides = saved(node, "other"), walked.inputs[index]
    if not isinstance(other, Tensor) or sides[1:] not in ((), (None,)):
        return None
    if other.numel() > 1 and other.dim() != 3:
        return None
    value = other.detach().double()
    value = value.reshape(()) if value.numel() == 1 else value
    return 1 / value if name == "Div" else value
