"""What a benchmark prints: how long it takes here, each row as it comes, how long the rest takes.

Rows go to standard output and are flushed, so that they are seen in a pipe, too; the time that is
left goes to standard error, and only to a terminal.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def announce(seconds: float) -> None:
    """Says beforehand how long a benchmark takes on this machine, by a probe of its own."""
    print(f"This takes about {duration(seconds)} on this machine.", flush=True)


def duration(seconds: float) -> str:
    """A time in words that a person would use."""
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} minutes"


def tracked(tasks: Sequence[T]) -> Iterator[T]:
    """The tasks one after the other; a terminal shows how long the rest takes."""
    start, shown = time.monotonic(), sys.stderr.isatty()
    for done, task in enumerate(tasks):
        if done and shown:
            left = (time.monotonic() - start) / done * (len(tasks) - done)
            print(
                f"\r{done} of {len(tasks)}, {duration(left)} left \033[K", end="", file=sys.stderr
            )
        yield task
        if shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


@dataclass
class Rows:
    """A table that is printed row by row; the first column is text, the others are numbers."""

    title: str
    heads: Sequence[str]
    cells: list[Sequence[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        print(f"\n{self.title}")
        self._print(self.heads)

    def add(self, *cells: str) -> None:
        """Prints a row, and keeps it."""
        self.cells.append(cells)
        self._print(cells)

    def markdown(self) -> str:
        """The table for a page."""
        lines = [self.heads, ["---", *["---:"] * (len(self.heads) - 1)], *self.cells]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def _print(self, cells: Sequence[str]) -> None:
        first, *others = zip(cells, self.heads, strict=True)
        numbers = "".join(f"{cell:>{max(9, len(head) + 2)}}" for cell, head in others)
        print(f"{first[0]:<24}{numbers}", flush=True)


def write_section(page: Path, name: str, text: str) -> None:
    """Puts a text between `<!-- NAME -->` and `<!-- end NAME -->` of a page."""
    before, start, rest = page.read_text(encoding="utf-8").partition(f"<!-- {name} -->")
    _, end, after = rest.partition(f"<!-- end {name} -->")
    if not end:
        raise ValueError(f"{page} has no section {name}")
    page.write_text(f"{before}{start}\n\n{text}\n\n{end}{after}", encoding="utf-8")
