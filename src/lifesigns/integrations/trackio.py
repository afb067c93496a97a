"""Trackio: `lifesigns.watch(model, log_to=[TrackioLog(trackio.init(...))])`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lifesigns._errors import UsageError, extra
from lifesigns.integrations import _tracker
from lifesigns.records import Finding, Severity
from lifesigns.report import Report

with extra("trackio"):
    import trackio
    from trackio import context_vars


class TrackioLog:
    """Numbers as metrics, findings as alerts.

    Args:
        run: What `trackio.init` returned; None for the run that is active.

    Raises:
        UsageError: None is active.
    """

    def __init__(self, run: Any = None) -> None:
        self._run = context_vars.current_run.get() if run is None else run
        if self._run is None:
            raise UsageError("No run of Trackio is active: call trackio.init(...) first.")

    def numbers(self, step: int, numbers: Mapping[str, float]) -> None:
        """Logs metrics.

        Args:
            step: Of training.
            numbers: By name.
        """
        self._run.log(dict(numbers), step=step)

    def finding(self, finding: Finding) -> None:
        """Raises an alert, which Trackio prints, too; notes are none.

        Args:
            finding: Of any severity.
        """
        if finding.severity is not Severity.NOTE:
            is_error = finding.severity is Severity.ERROR
            level = trackio.AlertLevel.ERROR if is_error else trackio.AlertLevel.WARN
            self._run.alert(title=_tracker.title(finding), text=_tracker.text(finding), level=level)

    def end(self, report: Report) -> None:
        """Logs the whole report as a text.

        Args:
            report: On the run.
        """
        shown = trackio.Markdown(f"```\n{report}\n```")
        self._run.log({"lifesigns/report": shown}, step=report.trace.steps)
