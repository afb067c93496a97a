"""Categorical fields that look up one table, with what all recorded steps say of them together.

A batch has some of the values of a field only, so that its ends are those of all batches seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, count

from lifesigns.evidence.stream import Marked, Stream

ROWS, FIELDS, SAMPLES = "rows_of_fields_", "fields_of_table_", "samples_of_fields_"
GIVEN, LOWEST, HIGHEST = "given_as_fields_", "lowest_of_fields_", "highest_of_fields_"
"""Details of a loss, with the number of the table behind them: its rows, how many fields look it
up, of how many samples, and whether they are what the network is given; and, with the number of the
field behind that, its ends. Fields that reach further, all together, than there are rows have no
ends."""


@dataclass(frozen=True)
class Fields:
    """The fields of one table."""

    rows: int
    """How many the table has."""
    lowest: tuple[int, ...]
    """The lowest number of each field that was seen."""
    highest: tuple[int, ...]
    samples: int
    """In how many it was looked for."""
    steps: int
    """In how many recorded steps."""
    given: bool = False
    """Whether they are, as they are, what the network is given."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many rows each field needs, at least; one that is numbered from 1 leaves row 0."""
        return tuple(high + (not low) for low, high in zip(self.lowest, self.highest, strict=True))

    @property
    def needed(self) -> int:
        """The rows they need together; with one 0 for all, as for padding, if none is left else."""
        apart = sum(self.sizes)
        return apart if apart <= self.rows else sum(self.highest) + 1

    @property
    def reached(self) -> int:
        """The rows that are looked up, and those between them."""
        return max(self.highest) + 1

    @property
    def starts(self) -> tuple[int, ...]:
        """How far each field is to be moved, if all values were seen."""
        return (0, *accumulate(self.sizes[:-1]))

    @property
    def are_complete(self) -> bool:
        """Whether all values were seen: they fill the table, but for row 0 if none is 0."""
        return self.rows == sum(self.sizes) + all(self.lowest)


def fields_of(stream: Stream) -> Iterator[Fields]:
    """The fields of each table, of those that may have rows of their own.

    Args:
        stream: One loss of a run.
    """
    for number in count():
        marked = stream.marked(f"{ROWS}{number}")
        if not marked:
            return
        shapes = {(d[f"{ROWS}{number}"], d[f"{FIELDS}{number}"]) for _, d in marked}
        if len(shapes) > 1 or any(f"{HIGHEST}{number}_0" not in d for _, d in marked):
            continue
        yield _merged(marked, number, *map(int, shapes.pop()))


def _merged(marked: Sequence[Marked], number: int, rows: int, fields: int) -> Fields:
    def column(word: str, i: int) -> Iterator[int]:
        return (int(details[f"{word}{number}_{i}"]) for _, details in marked)

    return Fields(
        rows,
        tuple(min(column(LOWEST, i)) for i in range(fields)),
        tuple(max(column(HIGHEST, i)) for i in range(fields)),
        sum(int(details[f"{SAMPLES}{number}"]) for _, details in marked),
        len(marked),
        all(details.get(f"{GIVEN}{number}") for _, details in marked),
    )
