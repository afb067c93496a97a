"""Samples in a CSV file, row by row: separators, encodings and decimal commas as people save them.

Comma, semicolon and tab separate; with the last two a comma may be the decimal mark. UTF-8, UTF-16
with its mark, and what is neither is taken for Latin-1: a wrong guess changes names only.
"""

from __future__ import annotations

import codecs
import csv
import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np

from lifesigns._errors import UsageError, cut, shown
from lifesigns.nets.decimals import Decimals, Unreadable
from lifesigns.nets.samples import (
    MOST_WORDS,
    Table,
    of_numbers,
    refuse_many_columns,
    refuse_many_values,
    refuse_many_words,
)

SEPARATORS = ",;\t"
"""The usual one first: it is taken where several would do."""
FIRST_ROWS = 20
"""How many rows the separator has to fit."""
LONGEST_ROW = 2**24
"""Characters, ends of line in quotes included."""
MISSING = frozenset({"", "na", "nan", "null", "none", "?"})


def read_csv(path: Path, target: str | None = None) -> Table:
    """The samples of a file with a header line; the last column is the target, or the one named.

    Args:
        path: UTF-8 with or without a mark, UTF-16 with one, or else taken for Latin-1.
        target: The name of a column in the header; None for the last column.

    Raises:
        UsageError: It is no such file; the message names line and column where it can.
    """
    with path.open("rb") as file:
        is_utf16 = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    try:
        return _read(path, "utf-16" if is_utf16 else "utf-8-sig", target)
    except UnicodeDecodeError as error:
        if is_utf16:
            raise UsageError(f"{path} is no CSV text: {error}. Save it as UTF-8.") from error
    return _read(path, "latin-1", target)


def _read(path: Path, encoding: str, target: str | None) -> Table:
    try:
        with path.open(newline="", encoding=encoding) as file:
            separator = _separator(list(islice(_Lines(path, file), FIRST_ROWS)))
            file.seek(0)
            return _table(_Lines(path, file), separator, target)
    except csv.Error as error:
        raise UsageError(f"{path} is no CSV text: {error}.") from error


def _table(lines: _Lines, separator: str, target: str | None) -> Table:
    path, rows = lines.path, _rows(lines, separator)
    header = next(rows, [])
    _check_header(path, header)
    samples = _Samples(path, header, _target_position(path, header, target), separator)
    for row in rows:
        samples.add(row, lines.number)
    return samples.table()


class _Lines:
    """The lines of a file, none of them without end."""

    def __init__(self, path: Path, file: IO[str]) -> None:
        self.path, self._file = path, file
        self.number = 0
        """Of the line read last, from 1."""
        self.row = 0
        """Characters since this was set to 0."""

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(LONGEST_ROW + 1):
            self.number += 1
            self.row += len(line)
            if self.row > LONGEST_ROW:
                raise UsageError(
                    f"{self.path}, line {self.number}: the row has more than {LONGEST_ROW:,} "
                    "characters; is a quotation mark left open?"
                )
            if "\0" in line:
                raise UsageError(
                    f"{self.path}, line {self.number}: a NUL character; that is no text in UTF-8. "
                    "Export the table as CSV in UTF-8."
                )
            yield line


def _rows(lines: Iterable[str], separator: str) -> Iterator[list[str]]:
    """The rows that are not blank."""
    for row in csv.reader(lines, delimiter=separator, strict=True):
        if isinstance(lines, _Lines):
            lines.row = 0
        if len(row) > 1 or (row and row[0].strip()):
            yield row


def _separator(first: Sequence[str]) -> str:
    """The separator that gives all of the first rows one and the same number of columns."""
    widths = {separator: _widths(first, separator) for separator in SEPARATORS}
    for separator, found in widths.items():
        if len(set(found)) == 1 and found[0] > 1:
            return separator
    return max(SEPARATORS, key=lambda separator: (widths[separator] or [0])[0])


def _widths(lines: Sequence[str], separator: str) -> list[int]:
    """Columns of each row; a row in quotes that goes on after the last line is left out."""
    widths: list[int] = []
    with suppress(csv.Error):
        widths.extend(len(row) for row in _rows(lines, separator))
    return widths


def _check_header(path: Path, header: Sequence[str]) -> None:
    if len(header) < 2:
        raise UsageError(
            f"{path}: a header line and at least two columns are expected, separated by commas, "
            "semicolons or tabs, the last one the target."
        )
    refuse_many_columns(path, len(header))
    if all(map(_is_number, header)):
        raise UsageError(
            f"{path}: the first line holds only numbers ({cut(', '.join(header[:3]))}, …); "
            "a header line with column names is expected."
        )


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text.replace(",", ".")))
    except ValueError:
        return False


def _target_position(path: Path, header: Sequence[str], target: str | None) -> int:
    if target is None:
        return len(header) - 1
    found = [i for i, name in enumerate(header) if target in (name, name.strip())]
    if len(found) > 1:
        raise UsageError(f"{path} has {len(found)} columns {shown(target)}; rename the others.")
    if not found:
        names = cut(", ".join(header[:8]))
        raise UsageError(f"{path} has no column {shown(target)}. Its columns: {names} …")
    return found[0]


class _Samples:
    """Rows, turned into numbers as they come: a row as text takes ten times the memory."""

    def __init__(self, path: Path, header: Sequence[str], position: int, separator: str) -> None:
        self._path, self._header, self._position = path, header, position
        self._inputs, self._targets, self._codes = array("d"), array("d"), array("q")
        self._words: dict[str, int] = {}
        self._numeric = True
        self._decimals = Decimals(comma=separator != ",")

    def add(self, row: list[str], line: int) -> None:
        """One row."""
        if len(row) != len(self._header):
            raise UsageError(
                f"{self._path}, line {line}: {len(row)} values, "
                f"but the header names {len(self._header)} columns."
            )
        word = row.pop(self._position).strip()
        self._add_inputs(row, line)
        self._add_target(word, line)
        refuse_many_values(self._path, len(self._inputs) + len(self._targets))

    def table(self) -> Table:
        """All rows."""
        self._decimals.require_one_mark(self._path)
        shape = len(self._codes), len(self._header) - 1
        inputs = np.frombuffer(self._inputs, np.float64).reshape(shape)
        if self._numeric:
            return of_numbers(inputs, np.frombuffer(self._targets, np.float64))
        refuse_many_words(self._path, len(self._words))
        places = {word: place for place, word in enumerate(sorted(self._words))}
        labels = np.array([places[word] for word in self._words], np.int64)
        return Table(inputs, labels[np.frombuffer(self._codes, np.int64)], len(places))

    def _add_inputs(self, cells: list[str], line: int) -> None:
        try:
            self._inputs.extend(self._decimals.row(cells, line))
        except Unreadable as error:
            column = error.cell + (error.cell >= self._position)
            raise self._unreadable(cells[error.cell].strip(), column, line) from None

    def _add_target(self, word: str, line: int) -> None:
        if word.lower() in MISSING:
            raise self._unreadable(word, self._position, line)
        if self._numeric:
            try:
                self._targets.extend(self._decimals.row([word], line))
            except Unreadable as error:
                if error.infinite:
                    raise self._unreadable(word, self._position, line) from None
                self._numeric = False
        if len(self._words) <= MOST_WORDS:
            self._words.setdefault(word, len(self._words))
        self._codes.append(self._words.get(word, 0))

    def _unreadable(self, text: str, column: int, line: int) -> UsageError:
        where = f"{self._path}, line {line}, column {shown(self._header[column].strip())}"
        if text.lower() in MISSING:
            return UsageError(
                f"{where}: the value is missing. "
                "Drop such rows, or fill them in (for instance with the column's median)."
            )
        return UsageError(
            f"{where}: {shown(text)} is no number that can be used. Encode words first "
            "(a column of 0 and 1 for each word), or drop the column."
        )
