"""`lifesigns.watch`: the eye inside the user's own loop, notebook or trainer callback."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from pathlib import Path
from types import TracebackType
from typing import Any

from torch import nn
from torch.optim import Optimizer

from lifesigns._errors import UsageError
from lifesigns._outputs import regular_file
from lifesigns._ranks import PLACE, placed, rank_here
from lifesigns._watching.ended import EndedRun
from lifesigns._watching.held import free, hold
from lifesigns._watching.looks import OnFinding, Stop
from lifesigns._watching.project import settings_here
from lifesigns._watching.run import WatchedRun, outcome_of, say
from lifesigns.record import Recorder
from lifesigns.records import Finding, RunInfo, Snapshot, Trace
from lifesigns.report import Log, Report
from lifesigns.rules import Selection

__all__ = ["Watcher", "outcome_of", "watch"]
BUDGET = 0.01
"""Share of the training time that watching may cost, where nobody says otherwise."""


class Watcher:
    """Watches training from its construction until `detach`, or for a `with` block.

    A watcher that is collected, because nobody holds it any more, detaches. A copy of it watches
    nothing: it knows what was recorded until then. A pickle of it does not know even that.

    Args:
        model: See `watch`, like the arguments that follow.
        optimizer: One or several.
        every: Record each N-th step.
        budget: Share of the training time.
        save: A run file; each of several processes needs one of its own.
        strict: Raise the recorder's own failures.
        info: Where the trace comes from.
        selection: Which rules are asked.
        on_snapshot: Called with each snapshot.
        on_cycle: Called with the number of completed steps after each; may raise to end the run.
        on_finding: Called with each new finding.
        stop: Which findings end the run.
        log_to: Trackers that get the layers' numbers and the findings.
    """

    def __init__(
        self,
        model: nn.Module | None = None,
        optimizer: Optimizer | Iterable[Optimizer] | None = None,
        *,
        every: int | None = None,
        budget: float = BUDGET,
        save: str | Path | None = None,
        strict: bool = False,
        info: RunInfo | None = None,
        selection: Selection | None = None,
        on_snapshot: Callable[[Snapshot], None] | None = None,
        on_cycle: Callable[[int], None] | None = None,
        on_finding: OnFinding | None = None,
        stop: Stop | None = None,
        log_to: Iterable[Log] = (),
    ) -> None:
        run = WatchedRun(
            info or _info(),
            selection or Selection(),
            None if save is None else Path(save),
            on_snapshot=on_snapshot,
            on_cycle=on_cycle,
            on_finding=on_finding,
            stop=stop,
            logs=log_to,
        )
        recorder = Recorder(
            model,
            _as_optimizers(optimizer),
            every=every,
            budget=budget,
            strict=strict,
            needs=run.needs,
            on_snapshot=run.on_snapshot,
            on_cycle=run.on_cycle,
        )
        self._run: WatchedRun | EndedRun = run
        run.begin(recorder)
        weakref.finalize(self, run.let_go).atexit = False

    def detach(self, outcome: str = "finished") -> Report:
        """Stops watching, completes the run file, and returns the report. May be called twice.

        Args:
            outcome: How the run ended, in the words of `RunInfo.outcome`; the first call decides.

        Returns:
            The same report each time.
        """
        return self._run.end(outcome)

    @property
    def trace(self) -> Trace:
        """Everything recorded so far."""
        return self._run.trace

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the rules conclude from what was recorded so far, most probable cause first."""
        return self.report.findings

    @property
    def report(self) -> Report:
        """The report on everything so far."""
        return self._run.report

    def __copy__(self) -> Watcher:
        """A watcher that watches nothing, with everything recorded so far."""
        return _ended(EndedRun(self._run.trace, self._run.selection))

    def __deepcopy__(self, memo: object) -> Watcher:
        """The same: a network that holds its watcher can be copied, as for a moving average."""
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        """In a pickle, a watcher that watches nothing and knows no recordings."""
        run = EndedRun(self._run.trace, self._run.selection).without_records()
        return _unpickled, (run.trace, run.selection)

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


def _ended(run: EndedRun) -> Watcher:
    watcher = Watcher.__new__(Watcher)
    watcher._run = run
    return watcher


def _unpickled(trace: Trace, selection: Selection) -> Watcher:
    return _ended(EndedRun(trace, selection))


def watch(
    model: nn.Module | None = None,
    optimizer: Optimizer | Iterable[Optimizer] | None = None,
    *,
    every: int | None = None,
    budget: float | None = None,
    save: str | Path | None = None,
    strict: bool = False,
    select: Iterable[str] | None = None,
    ignore: Iterable[str] | None = None,
    on_finding: OnFinding | None = None,
    stop_on: str | Iterable[str] | None = None,
    log_to: Iterable[Log] = (),
) -> Watcher:
    """Watches the training of a network; the training itself stays bit-identical.

    What is not given is taken from `[tool.lifesigns]` in the nearest `pyproject.toml` at or above
    the folder of the program, or the working directory where there is no program, as in a notebook;
    the per-site ignores always are. A network has one watcher: a second `watch` of it detaches
    the first, which keeps its report, and says so on standard error.

    Args:
        model: The network; None finds the networks that are trained by itself.
        optimizer: The optimizer or optimizers; found by themselves when they step, too.
        every: Record each N-th step; 1 records all. None spaces the recordings by `budget`.
        budget: Share of the training time that watching may cost; 0.01 by default.
        save: Path of a run file to write while training. `{rank}` in it is the number of this
            process among those that train together; where it is missing, it is put in.
        strict: Raise the recorder's own failures instead of reporting them.
        select: Rules to ask, by name, code or family (`ACT`); all by default. What none of them
            needs is not measured.
        ignore: Rules not to ask.
        on_finding: Called once with each new `Finding` (another rule, or another place), in the
            thread that trains, at the end of a step, and by `detach` with what only the end shows.
            What it raises is raised there: it is your code. The run is judged at its first steps,
            then each time it is a quarter longer, and where a step stands out.
        stop_on: Severities (`error`, `warning`: that or worse) or rules, as text or a list. The
            first such finding ends the run by `TrainingStopped`, raised where the step ends.
        log_to: Trackers that get the layers' numbers, and each new finding, such as those in
            `lifesigns.integrations`. One that fails is named in the report; the training goes on.

    Returns:
        The watcher: a context manager, or a plain object with `detach()`. Keep it: one that is
        collected detaches.

    Raises:
        UsageError: An argument or a setting is out of range, or `save` is no place for a run file.

    Example:
        >>> import torch, lifesigns
        >>> model = torch.nn.Linear(3, 1)
        >>> with lifesigns.watch(model) as watcher:
        ...     model(torch.ones(4, 3)).square().mean().backward()
        >>> watcher.trace.recorded_steps
        1
    """
    settings = settings_here()
    if every is None and budget is None:
        every, budget = settings.every, settings.budget
    budget = BUDGET if budget is None else budget
    _check_arguments(model, every, budget, on_finding)
    _check_outlets(save, log_to)
    optimizers, selection = _as_optimizers(optimizer), settings.selection(select, ignore)
    stop = None if stop_on is None else Stop(stop_on)
    path = None if save is None else _placed(Path(save))
    if path is not None:
        regular_file(path)
    if model is not None:  # only now: what is refused leaves an earlier watcher where it is
        free(model)
    watcher = Watcher(
        model,
        optimizers,
        every=every,
        budget=budget,
        save=path,
        strict=strict,
        selection=selection,
        on_finding=on_finding,
        stop=stop,
        log_to=log_to,
    )
    if model is not None and isinstance(watcher._run, WatchedRun):
        hold(model, watcher._run)
    return watcher


def _placed(save: Path) -> Path:
    """Each process has a run file of its own; the first says so where the user did not."""
    path, rank = placed(save), rank_here()
    if rank is not None and rank.number == 0 and path != save and PLACE not in str(save):
        say(f"{rank.world} processes train together, and each saves its own run: {path}, …")
    return path


def _info() -> RunInfo:
    rank = rank_here()
    return RunInfo() if rank is None else RunInfo(rank=rank.number, ranks=rank.world)


def _check_arguments(
    model: nn.Module | None, every: int | None, budget: float, on_finding: object
) -> None:
    if model is not None and not isinstance(model, nn.Module):
        raise UsageError(f"model is a {type(model).__name__}: expected a torch.nn.Module or None")
    if every is not None and not (_is(every, Integral) and every >= 1):
        raise UsageError(f"every={every!r}: expected a whole number from 1 on, such as 10")
    if not (_is(budget, Real) and 0 < budget <= 1):
        raise UsageError(f"budget={budget!r}: expected a share of the training time, such as 0.01")
    if on_finding is not None and not callable(on_finding):
        raise UsageError(f"on_finding={on_finding!r}: expected a function that takes a Finding")


def _check_outlets(save: object, log_to: object) -> None:
    if not (save is None or isinstance(save, str | Path)):
        raise UsageError(f"save={save!r}: expected the path of a run file")
    if isinstance(log_to, str) or not isinstance(log_to, Iterable):
        raise UsageError(
            f"log_to={log_to!r}: expected a list of trackers, such as [TensorBoardLog('runs')]"
        )


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
