"""Columns of targets in which one number in the middle stands for what was not measured.

A gap that is set to 0, or to the mean, counts in a squared error as if it was measured. In such a
column one number returns exactly, while the others are all different and lie on both sides of it.
What tells it from a 0 that is meant are the answers: where a target is 0 for a reason that the data
hold, the network answers near 0; at a gap it answers what it would answer of any row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.measure.reduce import Pack

FEWEST, VALUES, COLUMNS = 32, 1024, 64
"""Rows that are needed; of more rows, and of the columns, so many are looked at."""
FEW = 64
"""Rows that tell whether any number returns at all."""
SAME = 1e-6
"""Of the largest target: a difference is rounded, of which targets are made again."""
LEAST, OTHERS, DIFFERENT, SIDE = 0.15, 8, 0.9, 0.1
"""Share of the rows that have the number; how many others there are, and the shares of these that
differ from each other and that lie on the smaller side."""
COLUMN, SEEN, VALUE, SHARE, ANSWERS, KNOWN = (
    "filled_columns", "target_columns", "filled_with", "filled_share", "filled_answers",
    "measured_correlation",
)  # fmt: skip


class PendingFilled(NamedTuple):
    """Of each column nine numbers, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: how many columns of how many are like that, and what is filled in.

        Then the share of their rows that have this number, how far the answers there are from it,
        over that of the answers at the other rows (root mean squares), and how the answers at these
        correlate with their targets.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        code, times, others, kinds, below, above, at_code, at_others, correlation = arrays[
            self.slot
        ].reshape(9, -1)
        rows = times + others
        enough = (times >= LEAST * rows) & (others >= OTHERS) & (kinds >= DIFFERENT * others)
        told = enough & (np.minimum(below, above) >= SIDE * others) & (at_others > 0)
        if not told.any():
            return {}
        apart = np.sqrt(at_code[told].mean() / at_others[told].mean())
        return {
            COLUMN: float(told.sum()),
            SEEN: float(len(told)),
            VALUE: float(code[told][0]) + 0.0,  # not -0
            SHARE: float((times / rows)[told].mean()),
            ANSWERS: float(apart),
            KNOWN: float(np.nan_to_num(correlation[told]).mean()),
        }


def filled_targets(pack: Pack, given: Tensor, target: Tensor) -> PendingFilled | None:
    """Looks at targets `[rows, columns]`, or `[rows]`, for a number that returns in the middle.

    Args:
        pack: Where the numbers wait for the copy.
        given: What is compared with them, of the same shape.
        target: Those that count.

    Returns:
        None where there are few rows, or other shapes.

    Cost: a sort of some rows; of a thousand where a number returns in them.
    """
    if target.dim() not in (1, 2) or given.shape != target.shape or len(target) < FEWEST:
        return None
    if not target.numel() or not given.is_floating_point():
        return None
    step = [max(1, -(-n // most)) for n, most in zip(target.shape, (VALUES, COLUMNS), strict=False)]
    some = tuple(slice(None, None, each) for each in step)
    wanted, answers = (x.detach()[some].reshape(-(-len(x) // step[0]), -1) for x in (target, given))
    wanted, answers = wanted.double(), answers.double()
    slack = SAME * wanted.abs().amax(0)
    few = wanted[:: max(1, len(wanted) // FEW)]
    if wanted.is_cpu and not _may_return(few.sort(0).values, slack):
        return None
    ordered = wanted.sort(0).values
    again = ordered.diff(dim=0) <= slack
    code = _most_frequent(ordered, again)
    # An answer that is exactly right is one that a mask has set along with its target.
    is_code = ((wanted - code).abs() <= slack) & (answers != wanted)
    times, others = is_code.sum(0), (~is_code).sum(0)
    kinds = (~again).sum(0)
    below, above = ((side & ~is_code).sum(0) for side in (wanted < code, wanted > code))
    apart = (answers - code).square()
    at_code = (apart * is_code).sum(0) / times.clamp_min(1)
    at_others = (apart * ~is_code).sum(0) / others.clamp_min(1)
    told = (times, others, kinds, below, above, at_code, at_others)
    correlation = _correlation(answers, wanted, ~is_code)
    rows = [code, *(each.double() for each in told), correlation]
    return PendingFilled(pack.add(torch.cat(rows)))


def _may_return(ordered: Tensor, slack: Tensor) -> bool:
    """Whether a number stands in half as many of some sorted rows as are asked of all."""
    again = ordered.diff(dim=0) <= slack
    return bool((again.sum(0) >= LEAST * len(ordered) / 2).any())


def _most_frequent(ordered: Tensor, again: Tensor) -> Tensor:
    """The number of each sorted column that stands there most often."""
    place = torch.arange(len(again), device=again.device)[:, None]
    start = torch.where(again, -1, place).cummax(0).values
    end = (place - start).masked_fill(~again, 0).argmax(0)
    return ordered.gather(0, end[None]).squeeze(0)


def _correlation(answers: Tensor, wanted: Tensor, which: Tensor) -> Tensor:
    count = which.sum(0).clamp_min(1)
    p, t = ((x - (x * which).sum(0) / count) * which for x in (answers, wanted))
    return (p * t).sum(0) / (p.square().sum(0) * t.square().sum(0)).sqrt()
