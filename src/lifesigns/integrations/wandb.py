"""Weights & Biases: `lifesigns.watch(model, log_to=[WandbLog(wandb.init(...))])`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lifesigns._errors import UsageError, extra
from lifesigns.integrations import _tracker
from lifesigns.records import Finding, Severity
from lifesigns.report import Report

with extra("wandb"):
    import wandb

STEP = "lifesigns/step"
"""The axis of our numbers: a run's own steps count what it logs, and may not go back."""


class WandbLog:
    """Numbers as metrics over `lifesigns/step`, errors and warnings as alerts.

    Args:
        run: What `wandb.init` returned; None for the run that is active.
        commit: Whether each recorded step gets a row of its own. It moves the run's step on, and a
            later `run.log(..., step=5)` that lies behind it is thrown away by wandb; so by
            default our numbers go into the row it is at, and of several the last ones stay.

    Raises:
        UsageError: None is active.
    """

    def __init__(self, run: Any = None, *, commit: bool = False) -> None:
        self._commit = commit
        self._run = wandb.run if run is None else run
        if self._run is None:
            raise UsageError("No run of wandb is active: call wandb.init(...) first.")
        self._run.define_metric(STEP, hidden=True)
        self._run.define_metric("lifesigns/*", step_metric=STEP)

    def numbers(self, step: int, numbers: Mapping[str, float]) -> None:
        """Logs metrics.

        Args:
            step: Of training.
            numbers: By name.
        """
        self._run.log({**numbers, STEP: step}, commit=self._commit)

    def finding(self, finding: Finding) -> None:
        """Raises an alert; notes are none.

        Args:
            finding: Of any severity.
        """
        if finding.severity is Severity.NOTE:
            return
        is_error = finding.severity is Severity.ERROR
        level = wandb.AlertLevel.ERROR if is_error else wandb.AlertLevel.WARN
        self._run.alert(_tracker.title(finding), _tracker.text(finding), level=level)

    def end(self, report: Report) -> None:
        """Puts the verdict and the rules found into the run's summary.

        Args:
            report: On the run.
        """
        self._run.summary["lifesigns/verdict"] = report.verdict
        self._run.summary["lifesigns/findings"] = [f.rule for f in report.findings]
