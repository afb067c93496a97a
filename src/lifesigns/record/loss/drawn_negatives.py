"""How far into a table the positives of a pairwise preference reach, and how far the negatives.

`-logsigmoid(score(u, i) - score(u, j))`: what looks up a table on the side that the loss raises are
positives, on the side that it lowers negatives, which the program draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import leading_to, numel
from lifesigns.record.loss.summands import Terms, parts_of
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.measure.tokens import LOOKUPS
from lifesigns.record.readable import is_readable

RISING = frozenset({"Clamp", "ClampMin", "Log", "LogSigmoid", "Relu", "Sigmoid", "Softplus"})
"""What stands between a difference of scores and the loss, and rises with it."""
FEWEST = 16
"""Rows of a table, positives and negatives from which on it is looked at."""
MOST_PARTS = 64
WORDS = ("positives", "positives_beyond", "positives_highest", "negatives", "negatives_highest")


class PendingNegatives(NamedTuple):
    """Where both end, still on the device."""

    slot: int
    rows: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: how many positives, how many of them behind all negatives, and ends.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        told = dict(zip(WORDS, arrays[self.slot].tolist(), strict=True))
        return {"preference_rows": float(self.rows), **told}


def drawn_negatives(pack: Pack, walked: Walk, terms: Terms) -> PendingNegatives | None:
    """Compares the rows of one table that both sides of a preference look up.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.
        terms: What it is a sum of.

    Returns:
        None where no term compares scores, or no table is looked up with other numbers on each
        side, one tensor of them on each, and one number for each score: a text is scored as one.
    """
    if LOOKUPS.isdisjoint(walked.names):
        return None
    for term in terms.found:
        sides = _sides(walked, term.node, term.factor)
        if sides is not None:
            for table, positives in sides[0].items():
                negatives = sides[1].get(table)
                rows = int(walked.leaf_shape(-1 - table)[0])
                if negatives is None or not _differ(positives, negatives):
                    continue
                counts = positives.numel(), negatives.numel()
                if min(rows, *counts) >= FEWEST and max(counts) == sides[2]:
                    return PendingNegatives(pack.add(_ends(positives, negatives)), rows)
    return None


def _differ(positives: Tensor, negatives: Tensor) -> bool:
    return positives.device == negatives.device and positives.data_ptr() != negatives.data_ptr()


def _ends(positives: Tensor, negatives: Tensor) -> Tensor:
    bound = negatives.amax()
    beyond = (positives > bound).sum()
    counts = [torch.full_like(bound, one.numel()) for one in (positives, negatives)]
    return torch.stack([counts[0], beyond.to(bound), positives.amax().to(bound), counts[1], bound])


def _sides(
    walked: Walk, i: int, factor: float
) -> tuple[dict[int, Tensor], dict[int, Tensor], int] | None:
    """By table what looks it up on the side that a term raises, and on the one that it lowers.

    Then how many differences of scores there are.
    """
    if i < 0 or walked.names[i] not in RISING:
        return None
    while i >= 0 and walked.names[i] in RISING:
        below = walked.inputs[i][0]
        if below is None:
            return None
        i = below
    parts = list(_signed(walked, i, -factor))
    if {sign > 0 for _, sign in parts} != {True, False}:
        return None
    raised, lowered = (
        leading_to(walked, [j for j, sign in parts if (sign > 0) is side]) for side in (True, False)
    )
    return _looked_up(walked, raised), _looked_up(walked, lowered), numel(walked.shape(i))


def _signed(walked: Walk, i: int, factor: float) -> Iterator[tuple[int, float]]:
    """What a value is a sum of, with the sign of each part."""
    waiting = [(i, factor)]
    for _ in range(MOST_PARTS):
        if not waiting:
            return
        i, factor = waiting.pop()
        parts = parts_of(walked, i, factor) if i >= 0 else None
        if parts is None and i >= 0 and factor:
            yield i, factor
        waiting += parts or ()


def _looked_up(walked: Walk, nodes: set[int]) -> dict[int, Tensor]:
    """What looks up each table among these nodes, if it is one tensor of numbers."""
    found: dict[int, Tensor | None] = {}
    for i in sorted(nodes):
        table = walked.inputs[i][0] if walked.names[i] in LOOKUPS else None
        index = saved(walked.nodes[i], "indices") if table is not None and table < 0 else None
        if table is None or not isinstance(index, Tensor) or not is_readable(index):
            continue
        known = found.get(table, index)
        same = known is not None and known.data_ptr() == index.data_ptr()
        found[table] = index if same else None
    return {table: index for table, index in found.items() if index is not None}
