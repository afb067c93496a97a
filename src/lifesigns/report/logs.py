"""Where the numbers and findings of a run go while it trains."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import numpy as np

from lifesigns.records import Finding, Snapshot
from lifesigns.report._report import Report


class Log(Protocol):
    """A tracker of experiments, or whatever else takes the numbers and findings of a run.

    What it raises is noted in the report; it is not called again, and the training goes on.
    """

    def numbers(self, step: int, numbers: Mapping[str, float]) -> None:
        """Called with the layers' numbers of each recorded step.

        Args:
            step: The step of training, from 0 on.
            numbers: By name, such as `lifesigns/encoder.0/dead_share`; none is NaN.
        """

    def finding(self, finding: Finding) -> None:
        """Called with each finding, once.

        Args:
            finding: As soon as it is known.
        """

    def end(self, report: Report) -> None:
        """Called when the run has ended.

        Args:
            report: On the whole run.
        """


class Logs:
    """Hands on to several logs; a log that fails stops neither the training nor the others.

    Args:
        logs: Each gets everything.
    """

    def __init__(self, logs: Iterable[Log]) -> None:
        self._logs = list(logs)
        if self._logs:
            from lifesigns.report.series import LayerSeries  # and the page: only who logs needs it

            self._series = LayerSeries()
        self._told: set[tuple[str, str]] = set()
        self.failures: tuple[str, ...] = ()
        """What failed, for the coverage line."""

    def __bool__(self) -> bool:
        return bool(self._logs)

    def snapshot(self, snapshot: Snapshot) -> None:
        """Hands the layers' numbers on.

        Args:
            snapshot: Of a recorded step.
        """
        numbers = self._series.of(snapshot) if self._logs else {}
        if numbers:
            self._each(lambda log: log.numbers(snapshot.step, numbers))

    def finding(self, finding: Finding) -> None:
        """Hands a finding on, unless it was before.

        Args:
            finding: New or known.
        """
        key = finding.rule, finding.site
        if key not in self._told:
            self._told.add(key)
            self._each(lambda log: log.finding(finding))

    def before(self, told: Callable[[Finding], object] | None) -> Callable[[Finding], object]:
        """Has findings handed on, and then told to another.

        Args:
            told: May raise; None for nobody.

        Returns:
            To be called with each finding.
        """

        def both(finding: Finding) -> None:
            self.finding(finding)
            if told is not None:
                told(finding)

        return both

    def end(self, report: Report) -> None:
        """Hands on what only the end has shown, and the report.

        Args:
            report: On the whole run.
        """
        for finding in report.findings:
            self.finding(finding)
        self._each(lambda log: log.end(report))

    def _each(self, tell: Callable[[Log], None]) -> None:
        """A tracker may draw random numbers, for the name of a file; the run's are as they were."""
        python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
        torch = sys.modules.get("torch")
        state = torch and torch.get_rng_state()
        self._logs = [log for log in self._logs if self._tells(tell, log)]
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        if torch is not None:
            torch.set_rng_state(state)

    def _tells(self, tell: Callable[[Log], None], log: Log) -> bool:
        try:
            tell(log)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            self.failures += (f"{type(log).__name__} got nothing more: {reason}",)
            return False
        return True
