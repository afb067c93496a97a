"""A user's own table, checked before it is put into the page.

`engine/csv.js` says the same in JavaScript; both are held to the cases of `tests/play/tables.json`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lifesigns._errors import cut, shown

LEAST_FEATURES, MOST_FEATURES = 1, 64
MOST_CLASSES, MOST_ROWS, PER_CLASS = 10, 5000, 5
MOST_SIGNS = 2_000_000
LARGEST = 1e150
MISSING = frozenset({"", "na", "nan", "null", "none", "?"})
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
BLANKS = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What JavaScript trims."""


@dataclass(frozen=True)
class Problem:
    """Why a text is no table to learn from."""

    word: str
    """By which the page knows it."""
    line: int | None = None
    """Of the text, from 1."""
    given: Any = None
    expected: Any = None

    def __str__(self) -> str:
        name = cut(self.expected) if isinstance(self.expected, str) else self.expected
        return SENTENCES[self.word].format(
            line=self.line, given=self.given, expected=name, quoted=shown(self.given)
        )


SENTENCES = {
    "text-long": "it has more than {expected:,} characters. Leave some out.",
    "csv-empty": "there are no samples in it. A table is expected: one sample a line, the target "
    "in the last column.",
    "csv-long": "it has {given} lines; at most {expected} samples are read. Leave some out.",
    "csv-ragged": "line {line} has {given} columns, the first line has {expected}. Every line "
    "needs the same number.",
    "csv-width": "it has {given} features; {expected[0]} to {expected[1]} and a target are "
    "expected. Columns are divided by commas, semicolons or tabs.",
    "csv-number": "line {line}: {quoted} in column {expected} is no number. Only the target may be "
    "a word.",
    "csv-missing": "line {line}: a value is missing ({quoted}). Fill it in, or leave the line out.",
    "csv-classes": "the target has {given} different classes; at most {expected} are possible. "
    "Join rare ones, or take numbers.",
    "csv-one-class": "all samples have the same class, {quoted}; there is nothing to tell apart.",
}


@dataclass(frozen=True)
class _Row:
    line: int
    cells: list[str]


def problem(text: str) -> Problem | None:
    r"""What is wrong with a table, the first thing the page would name; None: nothing.

    Args:
        text: As of a CSV file; the last column is the target.

    Example:
        >>> print(problem("a,b,c\n1,2,3\n1,x,3"))
        line 3: 'x' in column b is no number. Only the target may be a word.
    """
    if len(text) > MOST_SIGNS:
        return Problem("text-long", expected=MOST_SIGNS)
    lines = enumerate(re.split(r"\r\n|\n|\r", text.removeprefix("\ufeff")), 1)
    kept = [(number, line) for number, line in lines if line.strip(BLANKS)]
    if not kept:
        return Problem("csv-empty")
    if len(kept) > MOST_ROWS + 1:
        return Problem("csv-long", given=len(kept), expected=MOST_ROWS)
    separator = max("\t;,", key=lambda sign: len(_cells(kept[0][1], sign)))
    rows = [_Row(number, _cells(line, separator)) for number, line in kept]
    return next(_of_shape(rows), None) or next(_of_values(rows, separator != ","), None)


def _cells(line: str, separator: str) -> list[str]:
    if '"' not in line:
        return [cell.strip(BLANKS) for cell in line.split(separator)]
    found, cell, quoted, signs = [], "", False, iter(range(len(line)))
    for i in signs:
        if line[i : i + 2] == '""' and quoted:
            cell += '"'
            next(signs)
        elif line[i] == '"':
            quoted = not quoted
        elif line[i] == separator and not quoted:
            found.append(cell.strip(BLANKS))
            cell = ""
        else:
            cell += line[i]
    return [*found, cell.strip(BLANKS)]


def _of_shape(rows: Sequence[_Row]) -> Iterator[Problem]:
    width = len(rows[0].cells)
    for row in rows:
        if len(row.cells) != width:
            yield Problem("csv-ragged", row.line, len(row.cells), width)
    if not LEAST_FEATURES < width <= MOST_FEATURES + 1:
        yield Problem("csv-width", given=width - 1, expected=(LEAST_FEATURES, MOST_FEATURES))


def _of_values(rows: Sequence[_Row], commas: bool) -> Iterator[Problem]:
    names, body = _headed(rows, commas)
    if not body:
        yield Problem("csv-empty")
        return
    for row in body:
        for cell, name in zip(row.cells[:-1], names, strict=False):
            if not _is_number(cell, commas):
                word = "csv-missing" if cell.lower() in MISSING else "csv-number"
                yield Problem(word, row.line, cell, name)
    yield from _of_targets(body, names[-1], commas)


def _headed(rows: Sequence[_Row], commas: bool) -> tuple[list[str], Sequence[_Row]]:
    """The names of the columns, and the lines below the header: words where numbers are due."""

    def is_word(cell: str) -> bool:
        return _value(cell, commas) is None and cell.lower() not in MISSING

    *first, last = rows[0].cells
    rest = rows[1:]
    alone = is_word(last) and not any(is_word(row.cells[-1]) for row in rest)
    if any(map(is_word, first)) or alone:
        return rows[0].cells, rest
    return [*(f"x{i + 1}" for i in range(len(first))), "y"], rows


def _value(cell: str, commas: bool) -> float | None:
    plain = cell.replace(",", ".", 1) if commas else cell
    return float(plain) if NUMBER.fullmatch(plain) else None


def _is_number(cell: str, commas: bool) -> bool:
    value = _value(cell, commas)
    return value is not None and abs(value) <= LARGEST


def _of_targets(body: Sequence[_Row], name: str, commas: bool) -> Iterator[Problem]:
    """Targets are classes if one of them is a word, or if they are few whole numbers."""
    given = [row.cells[-1] for row in body]
    for row in body:
        if row.cells[-1].lower() in MISSING:
            yield Problem("csv-missing", row.line, row.cells[-1], name)
    if all(_is_number(cell, commas) for cell in given):
        values = {_value(cell, commas) or 0.0 for cell in given}
        few = len(values) <= min(MOST_CLASSES, len(given) / PER_CLASS)
        if not (few and all(value.is_integer() for value in values)):
            return
        classes = [f"{value:.0f}" if abs(value) < 1e21 else repr(value) for value in values]
    else:
        classes = sorted(set(given))
    if len(classes) > MOST_CLASSES:
        yield Problem("csv-classes", given=len(classes), expected=MOST_CLASSES)
    if len(classes) < 2:
        yield Problem("csv-one-class", given=classes[0], expected=2)
