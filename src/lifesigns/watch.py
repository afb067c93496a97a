"""`lifesigns.watch`: the eye inside the user's own loop, notebook or trainer callback."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from numbers import Integral, Real
from pathlib import Path
from types import TracebackType
from typing import Any

from torch import nn
from torch.optim import Optimizer

from lifesigns._errors import LifesignsError, UsageError
from lifesigns.record import Recorder
from lifesigns.records import Finding, Quantity, RunInfo, Snapshot, Trace
from lifesigns.report import Log, Logs, Report
from lifesigns.rules import Selection

FLUSH_SECONDS = 1.0
"""How often the losses between two snapshots are written to the run file."""
VERDICT = frozenset({Quantity.LOSS})
"""What the verdict on a run is judged by, whatever rules are asked."""


class Watcher:
    """Watches training from its construction until `detach`, or for a `with` block.

    Args:
        model: See `watch`, like the arguments that follow.
        optimizer: One or several.
        every: Record each N-th step.
        budget: Share of the training time.
        save: A run file.
        strict: Raise the recorder's own failures.
        info: Where the trace comes from.
        selection: Which rules are asked.
        on_snapshot: Called with each snapshot.
        on_cycle: Called with the number of completed steps after each; may raise to end the run.
        log_to: Trackers that get the layers' numbers and the findings.
    """

    def __init__(
        self,
        model: nn.Module | None = None,
        optimizer: Optimizer | Iterable[Optimizer] | None = None,
        *,
        every: int | None = None,
        budget: float = 0.01,
        save: str | Path | None = None,
        strict: bool = False,
        info: RunInfo | None = None,
        selection: Selection | None = None,
        on_snapshot: Callable[[Snapshot], None] | None = None,
        on_cycle: Callable[[int], None] | None = None,
        log_to: Iterable[Log] = (),
    ) -> None:
        _check_arguments(model, every, budget)
        optimizers = _as_optimizers(optimizer)
        self._info, self._selection = info or RunInfo(), selection or Selection()
        self._file = None if save is None else _RunFile(Path(save), self._info)
        self._on_snapshot, self._on_cycle, self._logs = on_snapshot, on_cycle, Logs(log_to)
        self._recorder = Recorder(
            model,
            optimizers,
            every=every,
            budget=budget,
            strict=strict,
            needs=self._selection.reads | VERDICT,
            on_snapshot=self._snapshot if self._file or self._logs or on_snapshot else None,
            on_cycle=self._cycle if self._file or on_cycle else None,
        )
        self._report: Report | None = None
        self._recorder.start()

    def detach(self, outcome: str = "finished") -> Report:
        """Stops watching, completes the run file, and returns the report. May be called twice.

        Args:
            outcome: How the run ended, in the words of `RunInfo.outcome`; the first call decides.

        Returns:
            The same report each time.
        """
        if self._report is None:
            self._recorder.stop()
            self._info = replace(self._info, outcome=outcome)
            trace, began = self.trace, time.perf_counter()
            report = self._judged(trace)
            cost = replace(trace.cost, judging=time.perf_counter() - began)
            self._report = replace(report, trace=replace(trace, cost=cost))
            if self._file is not None:
                self._file.finish(self._recorder, self._report)
            self._logs.end(self._report)
        return self._report

    @property
    def trace(self) -> Trace:
        """Everything recorded so far."""
        trace = self._recorder.trace()
        failure = () if self._file is None else self._file.failures
        return replace(trace, info=self._info, unseen=trace.unseen + failure + self._logs.failures)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the rules conclude from what was recorded so far, most probable cause first."""
        return self.report.findings

    @property
    def report(self) -> Report:
        """The report on everything so far."""
        if self._report is not None:
            return self._report
        return self._judged(self.trace)

    def _judged(self, trace: Trace) -> Report:
        return Report.of(trace, self._selection)

    def _repr_html_(self) -> str:
        """What a notebook shows: the page of the report on everything so far."""
        return self.report._repr_html_()

    def __enter__(self) -> Watcher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.detach(outcome_of(error))

    def _snapshot(self, snapshot: Snapshot) -> None:
        if self._file is not None:
            self._file.append(snapshot)
        self._logs.snapshot(snapshot)
        if self._on_snapshot is not None:
            self._on_snapshot(snapshot)

    def _cycle(self, step: int) -> None:
        if self._file is not None:
            self._file.flush(self._recorder)
        if self._on_cycle is not None:
            self._on_cycle(step)


class _RunFile:
    """The run file of a watched run; a disk that fails does not stop the training."""

    def __init__(self, path: Path, info: RunInfo) -> None:
        from lifesigns.store import RunWriter  # with SQLite: only who saves a run pays for it

        self._writer = RunWriter(path, info)
        self._losses_written = 0
        self._flushed = time.monotonic()
        self.failures: tuple[str, ...] = ()

    def append(self, snapshot: Snapshot) -> None:
        """Writes a snapshot; the losses up to it follow with the cycle's end."""
        self._try(lambda: self._writer.append(snapshot))
        self._flushed = 0.0

    def flush(self, recorder: Recorder) -> None:
        """Writes the losses so far, at most once a second between snapshots."""
        now = time.monotonic()
        if now - self._flushed < FLUSH_SECONDS:
            return
        self._flushed = now
        self._try(lambda: self._write_losses(recorder))

    def finish(self, recorder: Recorder, report: Report) -> None:
        """Completes and closes the file."""

        def complete() -> None:
            self._write_losses(recorder)
            trace = report.trace
            self._writer.finish(
                report.findings, trace.info.outcome, cost=trace.cost, steps=trace.steps
            )

        self._try(complete)
        self._try(self._writer.close)

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
        )

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
        except LifesignsError as error:
            if not self.failures:
                self.failures = (f"the run file is incomplete: {error}",)


def watch(
    model: nn.Module | None = None,
    optimizer: Optimizer | Iterable[Optimizer] | None = None,
    *,
    every: int | None = None,
    budget: float = 0.01,
    save: str | Path | None = None,
    strict: bool = False,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    log_to: Iterable[Log] = (),
) -> Watcher:
    """Watches the training of a network; the training itself stays bit-identical.

    Args:
        model: The network; None finds the networks that are trained by itself.
        optimizer: The optimizer or optimizers; found by themselves when they step, too.
        every: Record each N-th step; 1 records all. None spaces the recordings by `budget`.
        budget: Share of the training time that watching may cost.
        save: Path of a run file to write while training.
        strict: Raise the recorder's own failures instead of reporting them.
        select: Rules to ask, by name, code or family (`ACT`); all by default. What none of them
            needs is not measured.
        ignore: Rules not to ask.
        log_to: Trackers that get the layers' numbers and the findings, such as those in
            `lifesigns.integrations`.

    Returns:
        The watcher: a context manager, or a plain object with `detach()`.

    Raises:
        UsageError: An argument is out of range, or `save` is no place for a run file.

    Example:
        >>> import torch, lifesigns
        >>> model = torch.nn.Linear(3, 1)
        >>> with lifesigns.watch(model) as watcher:
        ...     model(torch.ones(4, 3)).square().mean().backward()
        >>> watcher.trace.recorded_steps
        1
    """
    return Watcher(
        model,
        optimizer,
        every=every,
        budget=budget,
        save=save,
        strict=strict,
        selection=Selection.of(select, ignore),
        log_to=log_to,
    )


def outcome_of(error: BaseException | None) -> str:
    """How a run ended, in the words of `RunInfo.outcome`.

    Args:
        error: What ended the run; None where it came to its end. `SystemExit` counts as an end.
    """
    if error is None or isinstance(error, SystemExit):
        return "finished"
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return f"failed: {type(error).__name__}"


def _check_arguments(model: nn.Module | None, every: int | None, budget: float) -> None:
    if model is not None and not isinstance(model, nn.Module):
        raise UsageError(f"model is a {type(model).__name__}: expected a torch.nn.Module or None")
    if every is not None and not (_is(every, Integral) and every >= 1):
        raise UsageError(f"every={every!r}: expected a whole number from 1 on, such as 10")
    if not (_is(budget, Real) and 0 < budget <= 1):
        raise UsageError(f"budget={budget!r}: expected a share of the training time, such as 0.01")


def _is(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _as_optimizers(optimizer: Optimizer | Iterable[Optimizer] | None) -> tuple[Optimizer, ...]:
    if optimizer is None:
        return ()
    several = isinstance(optimizer, Iterable) and not isinstance(optimizer, str)
    given: tuple[Any, ...] = tuple(optimizer) if several else (optimizer,)  # type: ignore[arg-type]
    for one in given:
        if not isinstance(one, Optimizer):
            raise UsageError(
                f"optimizer: {type(one).__name__} given, a torch.optim.Optimizer expected, several "
                "of them, or None (optimizers are found when they step)"
            )
    return given
