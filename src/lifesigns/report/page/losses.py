"""The loss of every step in a bounded number of buckets, with the lowest and highest of each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lifesigns.evidence.courses import course_of
from lifesigns.records import Floats, Ints, Trace
from lifesigns.report.curve import Curve, curves, is_logarithmic
from lifesigns.report.page.arrays import pack

MOST_BUCKETS = 1000
"""Of one stream."""


def losses(trace: Trace) -> list[dict[str, Any]]:
    """The curve of each stream, with the level of the best constant prediction.

    Cost: a few passes over the losses; 40 ms for a million steps.

    Args:
        trace: All its losses, and some snapshots, which say what a constant prediction would reach.
    """
    return [_drawn(trace, curve) for curve in curves(trace)]


def _drawn(trace: Trace, curve: Curve) -> dict[str, Any]:
    number, values = curve.stream, curve.values
    baseline = course_of(trace, number).baseline
    return {
        "stream": number,
        **_buckets(trace.losses.steps[trace.losses.streams == number], values),
        "baseline": baseline if math.isfinite(baseline) else None,
        "logarithmic": is_logarithmic(values),
    }


def _buckets(steps: Ints, values: Floats) -> dict[str, Any]:
    """Of equally many steps each; NaN as the lowest and highest where none is finite."""
    width = max(1, -(-len(values) // MOST_BUCKETS))
    starts, finite = np.arange(0, len(values), width), np.isfinite(values)
    low = np.minimum.reduceat(np.where(finite, values, np.inf), starts)
    high = np.maximum.reduceat(np.where(finite, values, -np.inf), starts)
    empty = low > high
    return {
        "steps": pack(steps[starts], "int32"),
        "low": pack(np.where(empty, np.nan, low), "float32"),
        "high": pack(np.where(empty, np.nan, high), "float32"),
        "nonfinite": pack(np.add.reduceat((~finite).astype(np.int64), starts), "int32"),
    }
