"""The run file of a run that is watched."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lifesigns._errors import LifesignsError
from lifesigns.record import Recorder
from lifesigns.records import RunInfo, Snapshot
from lifesigns.records.kept import NOTABLE
from lifesigns.report import Report

FLUSH_SECONDS = 1.0
"""How often the losses between two snapshots are written to the run file."""
SHARE = 0.01
"""Of the time, that writing snapshots takes when the file is full: others make room for each."""


class RunFile:
    """Writes a watched run as it goes on; a disk that fails does not stop the training.

    Args:
        path: The new file.
        info: Where the trace comes from.
    """

    def __init__(self, path: Path, info: RunInfo) -> None:
        from lifesigns.store import RunWriter  # with SQLite: only who saves a run pays for it

        self._writer = RunWriter(path, info)
        self._losses_written = 0
        self._flushed = self._appended = time.monotonic()
        self._pause = FLUSH_SECONDS
        """Seconds from one snapshot to the next in a full file."""
        self._step, self._notable = -1, 0
        self._held: list[Snapshot] = []
        """Those of the latest step, where they were not written yet."""
        self.failures: tuple[str, ...] = ()
        """What could not be written, for the coverage line."""

    def append(self, snapshot: Snapshot) -> None:
        """Writes a snapshot; the losses up to it follow with the cycle's end.

        If the file is full it is written within a second, unless another one has come by then.

        Args:
            snapshot: One that is complete.
        """
        self._held = [held for held in self._held if held.step == snapshot.step] + [snapshot]
        if self._is_urgent(snapshot):
            self._append_held()

    def flush(self, recorder: Recorder) -> None:
        """Writes the losses so far, at most once a second between snapshots.

        Args:
            recorder: Of the run.
        """
        now = time.monotonic()
        if now - self._flushed < FLUSH_SECONDS:
            return
        self._append_held()
        self._flushed = now
        self._try(lambda: self._write_losses(recorder))

    def finish(self, recorder: Recorder, report: Report) -> None:
        """Completes and closes the file.

        Args:
            recorder: Of the run.
            report: What was found.
        """

        def complete() -> None:
            self._write_losses(recorder)
            trace = report.trace
            self._writer.finish(
                report.findings, trace.info.outcome, cost=trace.cost, steps=trace.steps
            )

        self._append_held()
        self._try(complete)
        self._try(self._writer.close)

    def _is_urgent(self, snapshot: Snapshot) -> bool:
        if snapshot.is_notable and self._notable < NOTABLE:
            self._notable += 1
            return True
        is_due = time.monotonic() - self._appended >= self._pause
        return is_due or snapshot.step == self._step or not self._writer.is_full

    def _append_held(self) -> None:
        held, self._held = self._held, []
        for snapshot in held:
            began = time.monotonic()
            self._try(partial(self._writer.append, snapshot))
            self._step, self._appended, self._flushed = snapshot.step, time.monotonic(), 0.0
            self._pause = min(FLUSH_SECONDS, (self._appended - began) / SHARE)

    def _write_losses(self, recorder: Recorder) -> None:
        trace = recorder.trace(self._losses_written)
        if len(trace.losses.steps):
            self._writer.losses(trace.losses)
            self._losses_written += len(trace.losses.steps)
        self._writer.progress(
            trace.steps,
            trace.cost,
            trace.optimizers,
            trace.unseen,
            trace.severed,
            rates=trace.rates,
            unreached=trace.unreached,
            idle=trace.idle,
            recorded=trace.recorded,
            evaluated=trace.evaluated,
            standing=trace.standing,
            loads=trace.loads,
            rewind=trace.rewind,
            own_load=trace.own_load,
            rounded_eps=trace.rounded_eps,
            loaders=trace.loaders,
            evaluations=trace.evaluations,
        )

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
        except LifesignsError as error:
            if not self.failures:
                self.failures = (f"the run file is incomplete: {error}",)
