"""A curve drawn with the characters of a terminal: eight dots a character, or stars in ASCII."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lifesigns.records import Floats

DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bits of a braille character, by column and row."""
BRAILLE = 0x2800


@dataclass(frozen=True)
class Frame:
    """A drawing of so many characters, and the values at its borders."""

    width: int
    height: int
    left: float
    right: float
    bottom: float
    top: float


def around(x: Floats, y: Floats, width: int, height: int) -> Frame:
    """The frame that just holds a curve; a constant lies in the middle.

    Args:
        x: In rising order, shape `[points]`.
        y: Finite, shape `[points]`.
        width: In characters.
        height: In lines.
    """
    bottom, top = float(y.min()), float(y.max())
    margin = 0.0 if top > bottom else 1.0
    return Frame(width, height, float(x[0]), float(x[-1]), bottom - margin, top + margin)


def plot(x: Floats, y: Floats, frame: Frame, *, braille: bool = True) -> list[str]:
    """The lines of the drawing, top first, each of the frame's width; axes where x or y is 0.

    Args:
        x: In rising order, shape `[points]`.
        y: Finite, shape `[points]`; what lies outside the frame is drawn on its border.
        frame: Its size and the values at its borders.
        braille: Whether the stream can carry braille; else a star for each column.

    Example:
        >>> x = np.array([0.0, 1.0])
        >>> plot(x, x, around(x, x, 4, 2), braille=False)
        ['| **', '**--']
    """
    wide, high = (2, 4) if braille else (1, 1)
    columns, rows = frame.width * wide, frame.height * high
    cells = [list(line) for line in _axes(frame, braille)]
    at = np.linspace(frame.left, frame.right, columns)
    share = (np.interp(at, x, y) - frame.bottom) / (frame.top - frame.bottom)
    heights = np.clip(np.round((1 - share) * (rows - 1)), 0, rows - 1).astype(int)
    bits = np.zeros((frame.height, frame.width), int)
    for column, (row, reached) in enumerate(zip(heights, _joined(heights), strict=True)):
        for dot in range(min(row, reached), max(row, reached) + 1):
            bit = DOTS[column % 2][dot % 4] if braille else 1
            bits[dot // high, column // wide] |= bit
    for line, column in zip(*np.nonzero(bits), strict=True):
        cells[line][column] = chr(BRAILLE + bits[line, column]) if braille else "*"
    return ["".join(line) for line in cells]


def _joined(heights: Floats) -> list[int]:
    """How far each column reaches, so that steep parts and jumps have no gaps."""
    following = [*heights[1:], heights[-1]]
    return [
        int(row if abs(after - row) <= 1 else after - np.sign(after - row))
        for row, after in zip(heights, following, strict=True)
    ]


def _axes(frame: Frame, braille: bool) -> list[str]:
    across, down, cross = "─│┼" if braille else "-|+"
    column = _place(0, frame.left, frame.right, frame.width)
    row = _place(0, frame.top, frame.bottom, frame.height)
    lines = []
    for line in range(frame.height):
        blank, mark = (across, cross) if line == row else (" ", down)
        lines.append("".join(mark if at == column else blank for at in range(frame.width)))
    return lines


def _place(value: float, first: float, last: float, cells: int) -> int:
    """The cell that holds `value`, -1 where none does."""
    share = (value - first) / (last - first)
    return round(share * (cells - 1)) if 0 <= share <= 1 else -1
