"""Samples as they were read: how many there may be, and whether their targets are classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifesigns._errors import UsageError

FEWEST_ROWS = 20
MOST_COLUMNS = 10_000
MOST_VALUES = 20_000_000
"""Numbers in a file: 160 MB, and four times that while they are split and standardised."""
MOST_CLASSES = 100
"""Whole numbers with more different values than this are taken for values, not for classes."""
MOST_WORDS = 1_000
"""Different words of a target column; more are names of the samples rather than classes."""
LARGEST = 1e150
"""Absolute values above this have no variance in double precision."""


@dataclass(frozen=True, eq=False)
class Table:
    """Samples as they were read; nothing scaled."""

    inputs: NDArray[np.float64]
    """Shape `[samples, features]`."""
    targets: NDArray[Any]
    """int64 labels from 0, shape `[samples]`, or float64 values, shape `[samples]` or more."""
    classes: int
    """Number of classes; 0 for values."""


def of_numbers(inputs: NDArray[np.float64], targets: NDArray[np.float64]) -> Table:
    """A table whose targets are numbers, in whatever type they were stored.

    Few different whole numbers are classes: at most `MOST_CLASSES`, each five times on average.

    Args:
        inputs: Shape `[samples, features]`.
        targets: Shape `[samples]` or more; only one number for each sample can be a class.

    Example:
        >>> labels = np.array([3.0, 7.0] * 5)
        >>> of_numbers(np.zeros((10, 1)), labels).targets.tolist()
        [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    """
    if targets.ndim == 1 and _are_whole(targets):
        names, labels = np.unique(targets, return_inverse=True)
        if len(names) <= min(MOST_CLASSES, len(targets) // 5):
            return Table(inputs, labels.astype(np.int64), len(names))
    return Table(inputs, targets, 0)


def refuse_many_values(path: Path, count: int) -> None:
    """Refuses more numbers than are read; called before there is memory for them.

    Args:
        path: Named in the message.
        count: Numbers that the file holds, or is known to hold at least.

    Raises:
        UsageError: More than `MOST_VALUES`.
    """
    if count > MOST_VALUES:
        raise UsageError(
            f"{path} holds {count:,} numbers or more; at most {MOST_VALUES:,} are read. "
            "Give fewer samples or fewer features."
        )


def refuse_many_columns(path: Path, count: int) -> None:
    """Refuses more columns than are read.

    Args:
        path: Named in the message.
        count: Features of each sample.

    Raises:
        UsageError: More than `MOST_COLUMNS`.
    """
    if count > MOST_COLUMNS:
        raise UsageError(
            f"{path} has {count:,} columns; at most {MOST_COLUMNS:,} are read. "
            "Choose or project features first."
        )


def refuse_many_words(path: Path, count: int) -> None:
    """Refuses more different words as targets than are classes.

    Args:
        path: Named in the message.
        count: Different words seen so far.

    Raises:
        UsageError: More than `MOST_WORDS`.
    """
    if count > MOST_WORDS:
        raise UsageError(
            f"{path}: the targets are words, more than {MOST_WORDS:,} different ones. Classes or "
            "numbers are expected; choose another target, or join rare classes."
        )


def refuse_unusable(path: Path, table: Table) -> None:
    """Refuses a table on which nothing can be trained or measured.

    Args:
        path: Named in the message.
        table: Not empty; inputs of shape `[samples, features]`.

    Raises:
        UsageError: Rows are too few, columns too many, a value is too large, or all targets are
            equal.
    """
    rows, columns = table.inputs.shape
    if rows < FEWEST_ROWS:
        raise UsageError(
            f"{path} has {rows} rows; at least {FEWEST_ROWS} are needed to train and to measure."
        )
    refuse_many_columns(path, columns)
    for name, values in (("inputs", table.inputs), ("targets", table.targets)):
        _refuse_extreme(path, name, values)
    if (table.targets == table.targets[0]).all():
        raise UsageError(f"{path}: all targets are the same; there is nothing to learn.")


def _refuse_extreme(path: Path, name: str, values: NDArray[Any]) -> None:
    if not np.isfinite(values).all():
        raise UsageError(f"{path}: the {name} hold NaN or infinite values; drop or fill them.")
    if values.size and max(values.max(), -values.min()) > LARGEST:
        raise UsageError(
            f"{path}: the {name} hold numbers above {LARGEST:g}, whose squares are infinite. "
            "Give them in another unit."
        )


def _are_whole(values: NDArray[np.float64]) -> bool:
    return bool((np.isfinite(values) & (values == np.round(values))).all())
