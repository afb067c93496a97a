"""Whether soft targets and labels, side by side in one loss, name the same class of a sample."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.composed import data_factor
from lifesigns.record.loss.sources import ABOVE, reached, source
from lifesigns.record.loss.summands import Terms
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

FEWEST = 8
"""Samples."""
MOST_NODES = 64
SUMS_TO = 1e-3
"""How far from 1 a sum of half-precision shares may lie."""


class PendingTeacher(NamedTuple):
    """How often both name one class, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: samples, how many agree, and would by chance; the largest share.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        shares, *told = arrays[self.slot].tolist()
        words = ("taught", "taught_as_labelled", "taught_by_chance", "taught_largest")
        return dict(zip(words, told, strict=True)) if shares else {}


def strange_teacher(pack: Pack, walked: Walk, terms: Terms) -> PendingTeacher | None:
    """Compares the labels of a cross-entropy with the shares that another term multiplies logs by.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.
        terms: What it is a sum of.

    Returns:
        None where there are no labels, one for each row of scores, or no shares of that form.
    """
    hard = next((t.node for t in terms.found if t.node >= 0 and _is_hard(walked, t.node)), None)
    if hard is None or len(terms.found) < 2:
        return None
    scores, labels = saved(walked.nodes[hard], "self"), saved(walked.nodes[hard], "target")
    if not isinstance(scores, Tensor) or scores.dim() != 2 or len(scores) < FEWEST:
        return None
    for shares in _shares(walked, terms, hard):
        if shares.shape == scores.shape and shares.device == labels.device:
            return PendingTeacher(pack.add(_told(shares.detach(), labels)))
    return None


def _is_hard(walked: Walk, i: int) -> bool:
    return walked.names[i] == "NllLoss" and isinstance(saved(walked.nodes[i], "target"), Tensor)


def _shares(walked: Walk, terms: Terms, hard: int) -> Iterator[Tensor]:
    """Data that logarithms of shares are multiplied by."""
    starts = [term.node for term in terms.found if term.node not in (hard, -1)]
    for i in islice(reached(walked, starts, ABOVE), MOST_NODES):
        factor = data_factor(walked, i)
        if factor is None or factor[0].dim() != 2 or not factor[0].is_floating_point():
            continue
        below = source(walked, i)
        if below is not None and walked.names[below] == "LogSoftmax" and is_readable(factor[0]):
            yield factor[0]


@torch.no_grad()
def _told(shares: Tensor, labels: Tensor) -> Tensor:
    """Whether these are shares, and what is told of them, see `PendingTeacher`."""
    kinds = shares.shape[1]
    counts = (labels >= 0) & (labels < kinds)
    largest, named = shares.float().max(1)
    is_share = ((shares.float().sum(1) - 1).abs() < SUMS_TO).all() & (shares >= 0).all()
    n = counts.sum()
    of_labels, of_teacher = (
        torch.zeros(kinds, device=shares.device).index_add_(0, classes, counts.float())
        for classes in (labels.clamp(0, kinds - 1), named)
    )
    numbers = (
        is_share,
        n,
        ((named == labels) & counts).sum(),
        (of_labels * of_teacher).sum() / n.clamp_min(1),
        (largest * counts).sum() / n.clamp_min(1),
    )
    return torch.stack([number.double() for number in numbers])
