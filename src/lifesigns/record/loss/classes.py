"""Class numbers, and what was predicted of each, once they are on the host."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lifesigns.records import UnitSums


def compared_classes(
    table: NDArray[np.float64], labels: NDArray[np.int_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """How often each class occurs, and the moments of prediction and target for each class.

    Args:
        table: What was predicted, `[samples, classes]`.
        labels: A class for each sample; those outside the classes are left out.
    """
    rows, classes = table.shape
    valid = (labels >= 0) & (labels < classes)
    chosen = np.arange(rows)
    if not valid.all():
        chosen, labels = chosen[valid], labels[valid]
    counts = np.bincount(labels, minlength=classes)
    apart = table - np.add.reduce(table) / rows
    covariance = np.bincount(labels, apart[chosen, labels], classes)  # what deviates adds up to 0
    squares = np.einsum("ij,ij->j", apart, apart), counts - counts * (counts / rows)
    return counts, np.concatenate([covariance, *squares])


def sums_of_classes(counts: NDArray[np.int64]) -> UnitSums:
    """The sums of class indices.

    Args:
        counts: How often each occurs.
    """
    classes, present = np.arange(len(counts), dtype=np.float64), np.flatnonzero(counts)
    none = np.zeros(1, np.int64)
    return UnitSums(
        count=counts.sum(keepdims=True),
        total=(classes @ counts).reshape(1),
        total_squared=(classes**2 @ counts).reshape(1),
        active=counts[1:].sum(keepdims=True),
        saturated=none,
        minimum=classes[present[:1]],
        maximum=classes[present[-1:]],
        nonfinite=none,
    )
