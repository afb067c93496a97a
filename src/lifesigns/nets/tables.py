"""Reads the user's own data: CSV with a header line, or NPZ with arrays `X` and `y`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from lifesigns._errors import UsageError

FEWEST_ROWS = 20
MOST_COLUMNS = 10_000
MOST_CLASSES = 100
"""Integers with more different values than this are taken for values, not for classes."""
MISSING = frozenset({"", "na", "nan", "null", "none", "?"})


@dataclass(frozen=True, eq=False)
class Table:
    """Samples as they were read; nothing scaled."""

    inputs: NDArray[np.float64]
    """Shape `[samples, features]`."""
    targets: NDArray[Any]
    """int64 labels from 0, shape `[samples]`, or float64 values, shape `[samples]` or more."""
    classes: int
    """Number of classes; 0 for values."""


def read_table(path: Path, target: str | None = None) -> Table:
    """Reads a file as samples.

    A target column of words, or of few different integers, holds classes; anything else values.

    Raises:
        UsageError: The file does not exist, is no such table, holds words or gaps where numbers
            are expected, only one class, too few rows or too many columns.
    """
    if not path.is_file():
        raise UsageError(f"{path} does not exist; a .csv or .npz file is expected.")
    table = _npz(path) if path.suffix.lower() == ".npz" else _csv(path, target)
    _refuse_unusable(path, table)
    return table


def _csv(path: Path, target: str | None) -> Table:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            _check_header(path, header)
            position = _target_position(path, header, target)
            body = [row for row in rows if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} is no CSV text in UTF-8: {error}.") from error
    _check_widths(path, header, body)
    inputs = [i for i in range(len(header)) if i != position]
    values = _numbers(path, header, [[row[i] for i in inputs] for row in body], inputs)
    words = [row[position].strip() for row in body]
    for row, word in enumerate(words):
        if word.lower() in MISSING:
            raise _missing(path, header[position], row)
    targets, classes = _targets(words)
    return Table(values.reshape(len(body), len(inputs)), targets, classes)


def _check_header(path: Path, header: Sequence[str]) -> None:
    if len(header) < 2:
        raise UsageError(
            f"{path}: a header line and at least two columns are expected, the last one the target."
        )
    if len(header) > MOST_COLUMNS:
        raise UsageError(
            f"{path} has {len(header):,} columns; at most {MOST_COLUMNS:,} are read. "
            "Choose or project features first."
        )
    numbers = [name for name in header if _is_number(name)]
    if len(numbers) == len(header):
        raise UsageError(
            f"{path}: the first line holds only numbers ({', '.join(header[:3])}, …); "
            "a header line with column names is expected."
        )


def _target_position(path: Path, header: Sequence[str], target: str | None) -> int:
    if target is None:
        return len(header) - 1
    if target not in header:
        shown = ", ".join(islice(header, 8))
        raise UsageError(f"{path} has no column {target!r}. Its columns: {shown} …")
    return header.index(target)


def _check_widths(path: Path, header: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    for line, row in enumerate(body, 2):
        if len(row) != len(header):
            raise UsageError(
                f"{path}, line {line}: {len(row)} values, "
                f"but the header names {len(header)} columns."
            )


def _numbers(
    path: Path, header: Sequence[str], body: Sequence[Sequence[str]], columns: Sequence[int]
) -> NDArray[np.float64]:
    try:
        values = np.array(body, dtype=np.float64).reshape(len(body), len(columns))
    except ValueError:
        values = np.full((len(body), len(columns)), np.nan)
    if np.isfinite(values).all():
        return values
    row, column = next(
        (r, c)
        for r, cells in enumerate(body)
        for c, cell in enumerate(cells)
        if not _is_number(cell)
    )
    text, name = body[row][column].strip(), header[columns[column]]
    if text.lower() in MISSING:
        raise _missing(path, name, row)
    raise UsageError(
        f"{path}, line {row + 2}, column {name!r}: {text!r} is no number. "
        "Encode words as numbers first (a column of 0 and 1 for each word), or drop the column."
    )


def _missing(path: Path, column: str, row: int) -> UsageError:
    return UsageError(
        f"{path}, line {row + 2}, column {column!r}: the value is missing. "
        "Drop such rows, or fill them in (for instance with the column's median)."
    )


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _targets(words: Sequence[str]) -> tuple[NDArray[Any], int]:
    if not all(map(_is_number, words)):
        return _labels(np.array(words))
    values = np.array(words, float)
    whole = bool((values == np.round(values)).all())
    if whole and len(np.unique(values)) <= min(MOST_CLASSES, len(values) // 5):
        return _labels(values)
    return values, 0


def _labels(values: NDArray[Any]) -> tuple[NDArray[Any], int]:
    names, labels = np.unique(values, return_inverse=True)
    return labels.astype(np.int64), len(names)


def _npz(path: Path) -> Table:
    try:
        with path.open("rb") as handle, np.load(handle) as file:
            if not {"X", "y"} <= set(file.files):
                held = ", ".join(file.files) or "nothing"
                raise UsageError(f"{path} holds {held}; arrays X and y are expected.")
            x, y = file["X"], file["y"]
    except (OSError, ValueError, BadZipFile) as error:
        raise UsageError(f"{path} is no NPZ file of plain arrays: {error}.") from error
    if x.dtype.kind not in "fiub" or y.dtype.kind not in "fiubU" or len(x) != len(y) or x.ndim < 1:
        raise UsageError(
            f"{path}: X is {x.dtype}{list(x.shape)}, y is {y.dtype}{list(y.shape)}; numbers "
            "[samples, features] and one target for each sample are expected."
        )
    flat = x.reshape(len(x), -1).astype(np.float64)
    if y.dtype.kind in "iubU" and y.ndim == 1 and len(np.unique(y)) <= MOST_CLASSES:
        return Table(flat, *_labels(y))
    return Table(flat, y.astype(np.float64), 0)


def _refuse_unusable(path: Path, table: Table) -> None:
    rows, columns = table.inputs.shape
    if rows < FEWEST_ROWS:
        raise UsageError(
            f"{path} has {rows} rows; at least {FEWEST_ROWS} are needed to train and to measure."
        )
    if columns > MOST_COLUMNS:
        raise UsageError(f"{path} has {columns:,} columns; at most {MOST_COLUMNS:,} are read.")
    for name, values in (("inputs", table.inputs), ("targets", table.targets)):
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise UsageError(f"{path}: the {name} hold NaN or infinite values; drop or fill them.")
    if len(np.unique(table.targets)) < 2:
        raise UsageError(f"{path}: all targets are the same; there is nothing to learn.")
