"""The snapshots of a run, on their way from the cycle that is going on to where they are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lifesigns.evidence.kept import KeptSnapshots, joined
from lifesigns.records import ParameterReading, Snapshot


class Snapshots:
    """Completes the snapshots of each cycle, delivers and keeps them.

    Args:
        deliver: Called with each complete snapshot.
    """

    def __init__(self, deliver: Callable[[Snapshot], None] | None) -> None:
        self._deliver = deliver
        self._pending: list[Snapshot] = []
        self.kept = KeptSnapshots()

    @property
    def pending(self) -> bool:
        """Whether the cycle has snapshots that wait for its end."""
        return bool(self._pending)

    def add(self, snapshot: Snapshot) -> None:
        """Adds a backward pass of the cycle that is going on.

        Args:
            snapshot: In place of its stream it has the row of its loss: `finish` tells the stream.
        """
        self._pending.append(snapshot)

    def drop(self, row: int) -> None:
        """Takes back what was recorded for a row of the losses.

        Args:
            row: Its number.
        """
        self._pending = [s for s in self._pending if s.stream != row]

    def finish(
        self, parameters: tuple[ParameterReading, ...], stream_of: Callable[[int], int]
    ) -> None:
        """Ends the cycle: the last snapshot of each stream carries the parameters.

        Args:
            parameters: What was read of the parameters in this cycle.
            stream_of: Gives the stream of a row of the losses.
        """
        pending, self._pending = self._pending, []
        streams = [stream_of(snapshot.stream) for snapshot in pending]
        last = {stream: i for i, stream in enumerate(streams)}
        for i, (snapshot, stream) in enumerate(zip(pending, streams, strict=True)):
            carried = parameters if last[stream] == i else ()
            whole = replace(snapshot, stream=stream, parameters=carried)
            self.kept.add(whole)
            if self._deliver is not None:
                self._deliver(whole)

    def join(self, step: int) -> None:
        """Snapshots of later cycles belong to `step`, too.

        Args:
            step: Number of the cycle that goes on.
        """
        self.kept.join(step)
        self._pending = [joined(snapshot, step) for snapshot in self._pending]
