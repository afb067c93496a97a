"""Which snapshots a run file holds while the run goes on: some whole, more of them light.

The file is small at any moment, and whenever the run ends or is killed it is judged from what is
there: snapshots that are whole at the beginning, at the end and here and there between them, and
light ones, which are without the sums of units, at more places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lifesigns.records.kept import NOTABLE, Kept, Room

RATE = 10
"""Bytes that each recorded step may take for each site: 1 MB for 1,000 steps of 100 sites."""
FLOOR = 1_000_000
"""Bytes that any run may take."""
LOG = 5
"""One part in so many is for the log that lies beside the file as long as the run goes on."""
TABLES = 90_000
"""Bytes of the tables themselves, of names, versions and findings, and of the log's index."""
MOST, MOST_BYTES = 512, 64 << 20
"""Whole snapshots, and their bytes, of any run: more would tell a page no more, and fill a disk."""
LEAST = 4
"""Beyond so many whole snapshots bytes count; three stay in any case. With no more, 337 of 339
cases of the rules are judged alike, and two have their findings in another order."""
MOST_LIGHT, LEAST_LIGHT = 256, 32
"""Light snapshots; the least stay whatever they take."""
AT_ONCE = 4
"""Light snapshots that go at once."""
SMALL = 0.5
"""A light snapshot is worth its place if it takes less than this share of a whole one."""


class Stored(NamedTuple):
    """A snapshot in the file."""

    number: int
    step: int
    is_notable: bool
    turn: int = 0
    """Number of its step among those that were recorded."""


class Change(NamedTuple):
    """What becomes of others as a snapshot comes."""

    light: Sequence[Stored] = ()
    gone: Sequence[Stored] = ()


def allowed(recorded: int, sites: int) -> int:
    """Bytes that the file of a run may take.

    Args:
        recorded: Its recorded steps.
        sites: Of its network.

    Example:
        >>> allowed(1_000, 100), allowed(10, 5)
        (1000000, 1000000)
    """
    return max(FLOOR, RATE * recorded * sites)


def room(recorded: int, sites: int, others: int) -> int:
    """Bytes that its snapshots may take.

    Args:
        recorded: Its recorded steps.
        sites: Of its network.
        others: Bytes of graphs and losses; at least a quarter is left for snapshots.

    Example:
        >>> room(1_000, 100, 300_000), room(10, 5, 2_000_000)
        (410000, 250000)
    """
    most = allowed(recorded, sites)
    return max(most - most // LOG - others - TABLES, most // 4)


class Keeping:
    """The snapshots in a run file.

    A light one is kept if the number of its step among the recorded ones is a multiple of a stride,
    which doubles when they take more than a third of the room.
    """

    def __init__(self) -> None:
        self._whole: Kept[Stored] = Kept(Room(MOST, MOST_BYTES, LEAST))
        self._light: dict[Stored, int] = {}
        self._notable: set[Stored] = set()
        self._stride, self._light_bytes = 1, 0
        self._is_worth_it = True

    @property
    def recorded(self) -> int:
        """Steps that were recorded, kept or not."""
        return self._whole.recorded

    @property
    def bytes(self) -> int:
        """What is kept takes so many."""
        return self._whole.bytes + self._light_bytes

    @property
    def whole(self) -> tuple[Stored, ...]:
        """Those that are whole, in order."""
        return tuple(self._whole)

    @property
    def stored(self) -> tuple[Stored, ...]:
        """All there are, in order."""
        return tuple(sorted([*self._whole, *self._light]))

    def add(self, number: int, step: int, size: int, room: int, *, is_notable: bool) -> Change:
        """Keeps one whole.

        Args:
            number: Of the snapshot in the file.
            step: That of the last one, or a later one.
            size: Bytes that it takes.
            room: Bytes that there are for all snapshots.
            is_notable: Whether it is to stay longer than others.

        Returns:
            Those that are to become light, to be told to `lighten`, and those that are to go.
        """
        one = Stored(number, step, is_notable, self._whole.turn_of(step))
        gone = list(self._thinned(min(room // 3, room - LEAST * size)))
        left = min(MOST_BYTES, room - self._light_bytes - size // 4)  # others become light now
        least = LEAST if self._is_worth_it else LEAST_LIGHT
        self._whole.room = Room(MOST, max(0, left), least)
        leaving = self._whole.add(one, step, size, is_notable=is_notable)
        light = [each for each in leaving if self._is_worth_it and self._lasts(each)]
        return Change(light, [*gone, *(each for each in leaving if each not in light)])

    def lighten(self, one: Stored, size: int, before: int) -> None:
        """Notes that one has become light.

        Args:
            one: Of a `Change`.
            size: Bytes that it takes now.
            before: Those that it took.
        """
        self._light[one] = size
        self._light_bytes += size
        self._is_worth_it = size < SMALL * before

    def _lasts(self, one: Stored) -> bool:
        """Whether it belongs to the light ones."""
        if one.is_notable and len(self._notable) < NOTABLE:
            self._notable.add(one)
        return one in self._notable or one.turn % self._stride == 0

    def _thinned(self, room: int) -> Iterator[Stored]:
        """Light ones that go since there are too many: not all at once, that fills the log."""
        while self._are_too_many(room) and self._stride <= self.recorded:
            odd = [o for o in self._light if o.turn % self._stride and o not in self._notable]
            for one in odd[:AT_ONCE]:
                self._light_bytes -= self._light.pop(one)
                yield one
            if odd:
                return
            self._stride *= 2

    def _are_too_many(self, room: int) -> bool:
        count = len(self._light)
        return count > MOST_LIGHT or (count > LEAST_LIGHT and self._light_bytes > room)
