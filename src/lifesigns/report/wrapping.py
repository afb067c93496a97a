"""Lines of a given width, also for Chinese, which has no spaces and two columns a character."""

from __future__ import annotations

import re
import shutil
from typing import IO

from rich.cells import cell_len

WIDE = "\u3001-\u303f\u3400-\u9fff\uff01-\uffef"
HANGING = 2
"""Blanks before the rest of a line that was folded, beyond those before its beginning."""
OPENING = "（《〈「『【“"
CLOSING = "，。、；：？！）》〉」』】”"
_WORD = rf"[^\s{WIDE}{OPENING}{CLOSING}]+"
_PIECE = re.compile(rf"[{OPENING}]*(?:[{WIDE}]|{_WORD}(?: [=<>≤≥+−·/] {_WORD})*)?[{CLOSING}]*\s*")


def is_wide(text: str) -> bool:
    """Whether there is a Chinese character or full-width sign in `text`.

    Args:
        text: Of any length; the empty one is not wide.

    Example:
        >>> is_wide("loss"), is_wide("损失")
        (False, True)
    """
    return re.search(f"[{WIDE}]", text) is not None


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns; one longer word stands on a line of its own.

    A line ends at a space or beside a Chinese character, never before closing punctuation and
    never after an opening bracket, and not beside the sign of a formula.

    Args:
        text: One paragraph without line feeds.
        width: In columns of a terminal, of which a Chinese character takes two.

    Example:
        >>> wrapped("梯度消失，又叫 vanishing gradient。", 12)
        ['梯度消失，又', '叫 vanishing', 'gradient。']
    """
    lines = [""]
    for match in _PIECE.finditer(text):
        piece = match[0]
        if lines[-1] and cell_len((lines[-1] + piece).rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def for_terminal(text: str, stream: IO[str]) -> str:
    """Lines that fit the terminal, the rest of each below it and further in; elsewhere as they are.

    Args:
        text: Blanks at the beginning of a line stay.
        stream: Where it will be printed.
    """
    if not stream.isatty():
        return text
    width = shutil.get_terminal_size().columns
    return "\n".join(part for line in text.split("\n") for part in _folded(line, width))


def _folded(line: str, width: int) -> list[str]:
    if cell_len(line) <= width:
        return [line]
    words = line.lstrip(" ")
    indent = len(line) - len(words)
    first, *_ = wrapped(words, max(width - indent, 8))
    rest = wrapped(words[len(first) :].lstrip(" "), max(width - indent - HANGING, 8))
    further = (f"{'':{indent + HANGING}}{part}" for part in rest if part)
    return [f"{'':{indent}}{first}", *further]
