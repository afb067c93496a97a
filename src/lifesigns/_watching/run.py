"""One run that is watched; the object that the user holds only asks it."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TypeVar

from lifesigns._errors import TrainingStopped
from lifesigns._watching.looks import Looks, OnFinding, Stop
from lifesigns._watching.run_file import RunFile
from lifesigns.evidence.sites import counted
from lifesigns.locale.spoken import said_in, shown_in, spoken
from lifesigns.record import Recorder
from lifesigns.records import Quantity, RunInfo, Snapshot, Trace
from lifesigns.report import Log, Logs, Report
from lifesigns.rules import Selection

VERDICT = frozenset({Quantity.LOSS})
"""What the verdict on a run is judged by, whatever rules are asked."""
T = TypeVar("T")

AGAIN = 0.01
"""Seconds after which it is tried again to let go of a run that was just being recorded."""


class WatchedRun:
    """Recorder, run file and report of one run.

    Args:
        info: Where the trace comes from.
        selection: Which rules are asked.
        save: A run file.
        on_snapshot: Called with each snapshot.
        on_cycle: Called with the number of completed steps after each.
        on_finding: Called with each finding that is new.
        stop: Which findings end the run.
        logs: Get the layers' numbers and the findings.
    """

    def __init__(
        self,
        info: RunInfo,
        selection: Selection,
        save: Path | None = None,
        *,
        on_snapshot: Callable[[Snapshot], None] | None = None,
        on_cycle: Callable[[int], None] | None = None,
        on_finding: OnFinding | None = None,
        stop: Stop | None = None,
        logs: Iterable[Log] = (),
    ) -> None:
        self._info, self._selection, self._process = info, selection, os.getpid()
        self.file = None if save is None else RunFile(save, info)
        self._on_snapshot = on_snapshot
        self._on_cycle = on_cycle and self._unlocked(on_cycle)
        self._logs = Logs(logs)
        if self._logs:
            on_finding = self._logs.before(on_finding)
        on_finding = on_finding and self._unlocked(on_finding)
        looks = on_finding is not None or stop is not None
        self._looks = Looks(lambda: self.report.findings, on_finding, stop) if looks else None
        self._recorder: Recorder | None = None
        self._report: Report | None = None

    @property
    def selection(self) -> Selection:
        """Which rules are asked."""
        return self._selection

    @property
    def needs(self) -> frozenset[Quantity]:
        """What is to be measured."""
        return self._selection.reads | VERDICT

    @property
    def on_snapshot(self) -> Callable[[Snapshot], None] | None:
        """What the recorder is to call with each snapshot; None where nobody asks."""
        return self._snapshot if self.file or self._looks or self._on_snapshot else None

    @property
    def on_cycle(self) -> Callable[[int], None] | None:
        """What the recorder is to call after each step; None where nobody asks."""
        return self._cycle if self.file or self._looks or self._on_cycle else None

    def begin(self, recorder: Recorder) -> None:
        """Watches from here on.

        Args:
            recorder: Calls `on_snapshot` and `on_cycle`, and measures what is needed.
        """
        self._recorder = recorder
        recorder.start()
        if self.file is not None:
            atexit.register(self._exit)

    def end(self, outcome: str) -> Report:
        """Stops watching and completes the run file; only the first call does anything.

        Args:
            outcome: How the run ended.

        Returns:
            The same report each time.

        Raises:
            Exception: `on_finding` has raised it, told of what only the end shows.
        """
        if self._report is not None:
            return self._report
        self.recorder.stop()
        atexit.unregister(self._exit)
        self._info = replace(self._info, outcome=outcome)
        trace, began = self.trace, time.perf_counter()
        report = self._judged(trace)
        cost = replace(trace.cost, judging=time.perf_counter() - began)
        self._report = replace(report, trace=replace(trace, cost=cost))
        if self.file is not None:
            self.file.finish(self.recorder, self._report)
        self._logs.end(self._report)
        if self._looks is not None:
            self._looks.tell(self._report.findings)
        return self._report

    def let_go(self) -> None:
        """The object that the user held is gone: so is the watching."""
        if self._report is not None or os.getpid() != self._process:
            return
        if _is_recording(sys._getframe()):
            again = threading.Timer(AGAIN, self.let_go)
            again.daemon = True
            again.start()
            return
        step, self._looks = self.recorder.steps, None
        if not step:
            say(
                "the watcher was let go before it saw a step, so nothing is watched. Keep it: "
                "watcher = lifesigns.watch(model)"
            )
        if self.file is None:
            self.recorder.stop()
        else:
            self.end(f"let go after {counted(step, 'step')}: the watcher was collected")

    def replaced(self) -> None:
        """Somebody else watches the same network from here on."""
        if self._report is None and os.getpid() == self._process:
            steps = counted(self.recorder.steps, "step")
            self.end(f"replaced after {steps} by another watch")
            say(
                "this network is watched already: the earlier watcher is detached, with its report "
                f"on {steps}, and the new one takes over."
            )

    @property
    def recorder(self) -> Recorder:
        """What sees the training."""
        assert self._recorder is not None, "begin() comes first"
        return self._recorder

    @property
    def trace(self) -> Trace:
        """Everything recorded so far."""
        trace = self.recorder.trace()
        failure = () if self.file is None else self.file.failures
        return replace(trace, info=self._info, unseen=trace.unseen + failure + self._logs.failures)

    @property
    def report(self) -> Report:
        """The report on everything so far."""
        return self._judged(self.trace) if self._report is None else self._report

    def _judged(self, trace: Trace) -> Report:
        return Report.of(trace, self._selection)

    def _exit(self) -> None:
        """The program has come to its end and nobody has detached: the run file is completed."""
        if os.getpid() == self._process:
            self._looks = None
            self.end(outcome_of(getattr(sys, "last_value", None)))

    def _snapshot(self, snapshot: Snapshot) -> None:
        if self.file is not None:
            self.file.append(snapshot)
        if self._looks is not None:
            self._looks.notice(snapshot)
        self._logs.snapshot(snapshot)
        if self._on_snapshot is not None:
            self._on_snapshot(snapshot)

    def _unlocked(self, function: Callable[[T], object]) -> Callable[[T], None]:
        """A function of the user, which may wait for another thread that trains."""

        def called(given: T) -> None:
            with self.recorder.unlocked():
                function(given)

        return called

    def _cycle(self, step: int) -> None:
        if self.file is not None:
            self.file.flush(self.recorder)
        if self._looks is not None:
            self._looks.look(step)
        if self._on_cycle is not None:
            self._on_cycle(step)


def outcome_of(error: BaseException | None) -> str:
    """How a run ended, in the words of `RunInfo.outcome`.

    Args:
        error: What ended the run; None where it came to its end. `SystemExit` counts as an end.
    """
    if error is None or isinstance(error, SystemExit):
        return "finished"
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, TrainingStopped) and error.finding is not None:
        return f"stopped after {counted(error.step, 'step')}: {error.finding.rule} (stop_on)"
    return f"failed: {type(error).__name__}"


def _is_recording(frame: FrameType | None) -> bool:
    """Whether the recorder is at work below: it must not be stopped half-way."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if name.startswith("lifesigns.record.") and name != "lifesigns.record.attach.backward":
            return True
        frame = frame.f_back
    return False


def say(text: str) -> None:
    """Prints one line of ours on standard error, if it can be written.

    Args:
        text: Without the name of the program.
    """
    with suppress(OSError, ValueError, AttributeError):
        words = said_in(shown_in(spoken())[0], text, "watching")
        print(f"lifesigns: {words}", file=sys.stderr, flush=True)
