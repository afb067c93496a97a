"""The snapshots of a run, on their way from the cycle that is going on to where they are kept."""

from __future__ import annotations

from collections.abc import Callable

from lifesigns.record.schedule.taken import Parameters, Taken
from lifesigns.records import Snapshot
from lifesigns.records.kept import MEMORY, READING, Kept


class Snapshots:
    """Completes the snapshots of each cycle, delivers and keeps them.

    Args:
        deliver: Called with each complete snapshot.
    """

    def __init__(self, deliver: Callable[[Snapshot], None] | None) -> None:
        self._deliver = deliver
        self._pending: list[Taken] = []
        self.kept: Kept[Taken] = Kept(MEMORY)

    @property
    def pending(self) -> bool:
        """Whether the cycle has snapshots that wait for its end."""
        return bool(self._pending)

    def add(self, taken: Taken) -> None:
        """Adds a backward pass of the cycle that is going on.

        Args:
            taken: In place of its stream it has the row of its loss: `finish` tells the stream.
        """
        self._pending.append(taken)

    def drop(self, row: int) -> None:
        """Takes back what was recorded for a row of the losses.

        Args:
            row: Its number.
        """
        self._pending = [s for s in self._pending if s.stream != row]

    def finish(self, parameters: Parameters, count: int, stream_of: Callable[[int], int]) -> None:
        """Ends the cycle: the last snapshot of each stream carries the parameters.

        Args:
            parameters: Gives what was read of the parameters in this cycle.
            count: How many they are.
            stream_of: Gives the stream of a row of the losses.
        """
        pending, self._pending = self._pending, []
        for taken in pending:
            taken.stream = stream_of(taken.stream)
        last = {taken.stream: taken for taken in pending}
        for taken in pending:
            if last[taken.stream] is taken:
                taken.parameters = parameters
                taken.size += READING * count
            self.kept.add(taken, taken.step, taken.size, is_notable=taken.is_notable)
            if self._deliver is not None:
                self._deliver(taken.snapshot())

    def join(self, step: int) -> None:
        """Snapshots of later cycles belong to `step`, too.

        Args:
            step: Number of the cycle that goes on.
        """
        self.kept.join(step)
        for taken in (*self.kept, *self._pending):
            taken.join(step)
