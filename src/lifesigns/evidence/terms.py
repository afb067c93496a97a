"""The data terms of a sum of losses, each against its own best constant prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lifesigns.evidence.constant import baseline, targets_vary
from lifesigns.records import LossReading

LATE = 1 / 3
"""Share of the recorded steps that say where a term ended."""


@dataclass(frozen=True)
class Term:
    """One data term, per observation."""

    kind: str
    operation: str
    level: float
    """Median over the last recorded steps."""
    baseline: float
    """What the best constant prediction reaches."""
    share: float
    """Of the whole loss, median over the last recorded steps."""
    readings: tuple[LossReading, ...]

    @property
    def weight(self) -> float:
        """What the best constant prediction adds to the sum: the baseline, as it is weighed."""
        return self.baseline * float(np.median([reading.scale for reading in self.readings]))

    @property
    def gain(self) -> float:
        """Share of the baseline that was learned: 0 is chance, 1 is perfect, negative is worse."""
        return 1 - self.level / self.baseline

    def __str__(self) -> str:
        """Where it was at the last recorded steps: the training may have gone on after them."""
        return (
            f"{self.operation} was last recorded at {self.level:.3g}, "
            f"a constant prediction reaches {self.baseline:.3g}"
        )


def terms_of(readings: Sequence[LossReading]) -> list[Term]:
    """The data terms whose level and baseline are known, in the order of the sum.

    None of a loss that is no sum, or not of the same terms throughout.
    """
    if not readings or not readings[-1].others:
        return []
    columns = [(reading, *reading.others) for reading in readings]
    alike = [row for row in columns if _kinds(row) == _kinds(columns[-1])]
    values = [row[0].value for row in alike]
    terms = (_term(column, values) for column in zip(*alike, strict=True))
    return [term for term in terms if term is not None]


def _kinds(row: Sequence[LossReading]) -> list[tuple[str, str]]:
    return [(reading.kind, reading.operation) for reading in row]


def _term(readings: Sequence[LossReading], values: Sequence[float]) -> Term | None:
    level, _ = baseline(readings)
    known = [r.fit / r.scale for r in readings if math.isfinite(r.fit) and r.scale > 0]
    if not known or not level > 0 or not targets_vary(readings):
        return None
    count = max(1, round(len(known) * LATE))
    last = readings[-1]
    shares = [r.fit / value for r, value in zip(readings, values, strict=True) if value > 0]
    return Term(
        last.kind,
        last.operation,
        float(np.median(known[-count:])),
        level,
        float(np.median(shares[-count:])) if shares else math.nan,
        tuple(readings),
    )
