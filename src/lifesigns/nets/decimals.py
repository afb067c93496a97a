"""Numbers as text: with a decimal point or, where commas separate nothing, a decimal comma."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from lifesigns._errors import UsageError, shown

_DOUBTFUL = re.compile(r"\s*[+-]?[1-9]\d{0,2},\d{3}\s*")
"""Thousands, or three decimals?"""


class Unreadable(ValueError):
    """Raised for a row with something that is no finite number."""

    def __init__(self, cell: int, *, infinite: bool = False) -> None:
        super().__init__(cell)
        self.cell = cell
        """The first such cell."""
        self.infinite = infinite
        """Whether it is a number beyond the largest one."""


class Decimals:
    """Reads rows of numbers, and sees to it that they have one decimal mark.

    Example:
        >>> list(Decimals(comma=True).row(["1,5", "2"], line=1))
        [1.5, 2.0]
    """

    def __init__(self, *, comma: bool) -> None:
        self._comma = comma
        self._point = ""
        """Which number was the first with a decimal point, for a message; likewise the others."""
        self._decimal = ""
        self._doubtful = ""

    def row(self, cells: Sequence[str], line: int) -> Iterable[float]:
        """The numbers in a row; raises `Unreadable`.

        Args:
            cells: One text for each column, blanks around it allowed.
            line: Where the row begins in its file, counted from 1; for messages.

        Raises:
            Unreadable: A cell holds no finite number; the error says which.
        """
        text = "".join(cells)
        try:
            if "_" not in text:  # which Python allows within numbers, and nobody else
                values = list(map(float, cells))
                if math.isfinite(sum(values)) or all(map(math.isfinite, values)):
                    self._note_points(cells, text, line)
                    return values
        except ValueError:
            pass
        return [self._number(cells, index, line) for index in range(len(cells))]

    def require_one_mark(self, path: Path) -> None:
        """Refuses a file whose commas may mean two things.

        Args:
            path: The file that all rows came from; for the message.

        Raises:
            UsageError: Numbers have commas and points, or a comma that may separate thousands.
        """
        mark = self._decimal or self._doubtful
        if mark and self._point:
            raise UsageError(
                f"{path} has numbers with a decimal comma ({mark}) and with a decimal point "
                f"({self._point}). Write all of them with a point."
            )
        if self._doubtful and not self._decimal:
            raise UsageError(
                f"{path}: {self._doubtful} may be thousands, or have three decimals. "
                "Write it with a point, or without a mark."
            )

    def _number(self, cells: Sequence[str], index: int, line: int) -> float:
        text = cells[index]
        has_comma = self._comma and "," in text
        try:
            value = math.nan if "_" in text else float(text.replace(",", ".", has_comma))
        except ValueError:
            raise Unreadable(index) from None
        if not math.isfinite(value):
            raise Unreadable(index, infinite=math.isinf(value))
        place = f"{shown(text.strip())} in line {line}"
        if has_comma and _DOUBTFUL.fullmatch(text):
            self._doubtful = self._doubtful or place
        elif has_comma:
            self._decimal = self._decimal or place
        elif self._comma and "." in text:
            self._point = self._point or place
        return value

    def _note_points(self, cells: Sequence[str], text: str, line: int) -> None:
        if self._comma and not self._point and "." in text:
            cell = next(cell for cell in cells if "." in cell)
            self._point = f"{shown(cell.strip())} in line {line}"
