"""Main effects of a factorial design: what the levels of one factor do, over all the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lifesigns.lab.results.statistics import Contrast, Floats, Interval, holm
from lifesigns.lab.run import CellResult


@dataclass(frozen=True)
class Effect:
    """One level of a factor against the best level of that factor."""

    factor: str
    level: str
    score: Interval
    """Mean over all cells of this level; the interval is over the seeds."""
    against_best: Contrast | None
    """Differences from the best level, paired by seed; None for the best level itself."""
    adjusted_p: float
    """Holm's correction over the comparisons of all factors; 1 for the best level."""


def main_effects(results: Sequence[CellResult]) -> tuple[Effect, ...]:
    """The levels of every factor that varies, best first.

    The design being complete, each level meets the same levels of the other factors and the same
    seeds; a seed is one observation, so cells of one seed are averaged first.

    Args:
        results: All cells of a design; each with the same seeds in the same order.

    Returns:
        Nothing for a factor with a single level.
    """
    levels = [one for factor in results[0].cell.factors for one in _levels(results, factor)]
    contrasts = [None if row is best else Contrast.of(row, best) for _, _, row, best in levels]
    adjusted = iter(holm([contrast.p for contrast in contrasts if contrast]))
    return tuple(
        Effect(factor, level, Interval.of(row), contrast, next(adjusted) if contrast else 1.0)
        for (factor, level, row, _), contrast in zip(levels, contrasts, strict=True)
    )


def _levels(
    results: Sequence[CellResult], factor: str
) -> Iterator[tuple[str, str, Floats, Floats]]:
    """Factor, level, its scores `[seeds]` and those of the best level; nothing for one level."""
    cells: dict[str, list[Floats]] = {}
    for result in results:
        scores = np.nan_to_num(result.scores, nan=-1.0)
        cells.setdefault(result.cell.factors[factor], []).append(scores)
    rows = {level: np.mean(scores, 0) for level, scores in cells.items()}
    order = sorted(rows, key=lambda level: -float(rows[level].mean()))
    for level in order if len(order) > 1 else []:
        yield factor, level, rows[level], rows[order[0]]
