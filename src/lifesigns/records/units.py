"""Sums per unit that merge exactly, and the array types records are made of."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class UnitSums:
    """Sums over all observations of each unit; every field has shape `[units]`.

    Non-finite values are counted in `nonfinite` and left out of everything else, `count` included.
    """

    count: Ints
    total: Floats
    total_squared: Floats
    active: Ints
    """Observations different from zero (an activation's output, a gradient)."""
    saturated: Ints
    """Observations where the derivative factor was below 1 % of its maximum."""
    minimum: Floats
    maximum: Floats
    nonfinite: Ints

    @classmethod
    def of(cls, values: NDArray[Any], saturated: NDArray[np.bool_] | None = None) -> UnitSums:
        """The sums of `values` (shape `[observations, units]`), computed the obvious way.

        Args:
            values: Shape `[observations, units]`. Values that are not finite are counted and left
                out of every other sum.
            saturated: Which of them lie on a flat end, of the same shape; None for none.
        """
        values = np.asarray(values, dtype=np.float64)
        finite = np.isfinite(values)
        kept = np.where(finite, values, 0.0)
        squashed = np.zeros(values.shape, bool) if saturated is None else saturated
        return cls(
            count=finite.sum(0),
            total=kept.sum(0),
            total_squared=(kept**2).sum(0),
            active=(kept != 0).sum(0),
            saturated=(squashed & finite).sum(0),
            minimum=np.where(finite, values, np.inf).min(0, initial=np.inf),
            maximum=np.where(finite, values, -np.inf).max(0, initial=-np.inf),
            nonfinite=(~finite).sum(0),
        )

    def merge(self, other: UnitSums) -> UnitSums:
        """The sums of both sets of observations together (across steps, micro-batches, ranks).

        Args:
            other: Of the same units in the same order.

        Example:
            >>> both = UnitSums.of([[1.0, 5.0]]).merge(UnitSums.of([[3.0, 4.0]]))
            >>> both.count.tolist(), both.total.tolist(), both.minimum.tolist()
            ([2, 2], [4.0, 9.0], [1.0, 4.0])
        """
        low, high = ("minimum", "maximum")
        merged = {
            f.name: getattr(self, f.name) + getattr(other, f.name)
            for f in dataclasses.fields(self)
            if f.name not in (low, high)
        }
        merged[low] = np.minimum(self.minimum, other.minimum)
        merged[high] = np.maximum(self.maximum, other.maximum)
        return UnitSums(**merged)

    @property
    def units(self) -> int:
        """How many units there are."""
        return len(self.count)

    @property
    def mean(self) -> Floats:
        """Mean of each unit; NaN where nothing finite was observed."""
        return _ratio(self.total, self.count)

    @property
    def mean_square(self) -> Floats:
        """Mean of the squares of each unit."""
        return _ratio(self.total_squared, self.count)

    @property
    def variance(self) -> Floats:
        """Population variance of each unit (float32 sums: meaningless far below mean² · 1e-7)."""
        variance: Floats = np.maximum(self.mean_square - self.mean**2, 0.0)
        return variance

    @property
    def rms(self) -> float:
        """Root mean square over all units and observations."""
        return float(np.sqrt(_ratio(self.total_squared.sum(), self.count.sum())))

    @property
    def span(self) -> Floats:
        """Range (maximum minus minimum) of each unit; 0 for a constant or unobserved unit."""
        seen = self.count > 0
        with np.errstate(invalid="ignore"):
            span: Floats = np.where(seen, self.maximum - self.minimum, 0.0)
        return span

    @property
    def active_share(self) -> Floats:
        """Share of observations different from zero, per unit."""
        return _ratio(self.active, self.count)

    @property
    def saturated_share(self) -> Floats:
        """Share of observations in saturation, per unit."""
        return _ratio(self.saturated, self.count)


def _ratio(numerator: Any, denominator: Any) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Floats = np.asarray(np.true_divide(numerator, denominator), np.float64)
    return ratio
