"""MLflow: `lifesigns.watch(model, log_to=[MLflowLog()])` within `mlflow.start_run()`."""

from __future__ import annotations

import time
from collections.abc import Mapping

from lifesigns._errors import UsageError, extra
from lifesigns.integrations import _tracker
from lifesigns.records import Finding
from lifesigns.report import Report

with extra("mlflow"):
    import mlflow
    from mlflow.entities import Metric


class MLflowLog:
    """Numbers as metrics, findings as tags, the report as a text beside them.

    Args:
        run_id: Of a run; None for the one that is active.

    Raises:
        UsageError: None is active.
    """

    def __init__(self, run_id: str | None = None) -> None:
        active = mlflow.active_run()
        if run_id is None and active is None:
            raise UsageError("No run of MLflow is active: call mlflow.start_run() first.")
        self._id = run_id or active.info.run_id
        self._client = mlflow.MlflowClient()

    def numbers(self, step: int, numbers: Mapping[str, float]) -> None:
        """Logs metrics, all at once.

        Args:
            step: Of training.
            numbers: By name.
        """
        now = int(time.time() * 1000)
        made = [Metric(name, number, now, step) for name, number in numbers.items()]
        self._client.log_batch(self._id, metrics=made)

    def finding(self, finding: Finding) -> None:
        """Sets a tag.

        Args:
            finding: Named by its rule; further places of it are in the report.
        """
        self._client.set_tag(self._id, f"lifesigns.{finding.rule}", _tracker.whole(finding))

    def end(self, report: Report) -> None:
        """Logs the verdict as a tag and the report as an artifact.

        Args:
            report: On the run.
        """
        self._client.set_tag(self._id, "lifesigns.verdict", report.verdict)
        self._client.log_text(self._id, str(report), "lifesigns/report.txt")
