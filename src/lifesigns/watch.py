"""`lifesigns.watch`: the eye inside the user's own loop, notebook or trainer callback."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from lifesigns._errors import UsageError
from lifesigns.record import Recorder
from lifesigns.records import Finding, RunInfo, Trace
from lifesigns.report import Report
from lifesigns.rules import judge
from lifesigns.store import RunWriter

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


class Watcher:
    """Watches training from its construction until `detach`, or for a `with` block.

    See `watch` for the arguments.
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
    ) -> None:
        _check_arguments(every, budget)
        self._info = info or RunInfo()
        self._writer = RunWriter(Path(save), self._info) if save is not None else None
        self._written = 0
        self._recorder = Recorder(
            model,
            _as_optimizers(optimizer),
            every=every,
            budget=budget,
            strict=strict,
            on_snapshot=self._writer and self._writer.append,
            on_cycle=self._flush if self._writer else None,
        )
        self._findings: tuple[Finding, ...] | None = None
        self._recorder.start()

    def detach(self, outcome: str = "finished") -> Report:
        """Stops watching, closes the run file, and returns the report. May be called twice."""
        if self._findings is None:
            self._recorder.stop()
            self._info = RunInfo(
                self._info.command, self._info.started, self._info.versions, outcome
            )
            self._findings = judge(self.trace)
            self._close()
        return self.report

    @property
    def trace(self) -> Trace:
        """Everything recorded so far."""
        from dataclasses import replace

        return replace(self._recorder.trace(), info=self._info)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the rules conclude from what was recorded so far, most probable cause first."""
        return judge(self.trace) if self._findings is None else self._findings

    @property
    def report(self) -> Report:
        """The report on everything so far."""
        return Report(self.trace, self.findings)

    def __enter__(self) -> Watcher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.detach("finished" if error is None else f"failed: {type(error).__name__}")

    def _flush(self, step: int) -> None:
        ...

    def _close(self) -> None:
        ...


def watch(
    model: nn.Module | None = None,
    optimizer: Optimizer | Iterable[Optimizer] | None = None,
    *,
    every: int | None = None,
    budget: float = 0.01,
    save: str | Path | None = None,
    strict: bool = False,
) -> Watcher:
    """Watches the training of a network.

    Example:
        >>> import torch, lifesigns
        >>> model = torch.nn.Linear(3, 1)
        >>> with lifesigns.watch(model) as watcher:
        ...     model(torch.ones(4, 3)).square().mean().backward()
        >>> watcher.trace.recorded_steps
        1
    """
    return Watcher(model, optimizer, every=every, budget=budget, save=save, strict=strict)


def _check_arguments(every: int | None, budget: float) -> None:
    if every is not None and every < 1:
        raise UsageError(f"every={every}: expected a whole number from 1 on (1 records each step)")
    if not 0 < budget <= 1:
        raise UsageError(f"budget={budget}: expected a share of the training time, e.g. 0.01")


def _as_optimizers(optimizer: Optimizer | Iterable[Optimizer] | None) -> tuple[Optimizer, ...]:
    if optimizer is None:
        return ()
    return tuple(optimizer) if isinstance(optimizer, Iterable) else (optimizer,)
