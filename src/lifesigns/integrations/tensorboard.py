"""TensorBoard: `lifesigns.watch(model, log_to=[TensorBoardLog("runs/first")])`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lifesigns._errors import extra
from lifesigns.integrations import _tracker
from lifesigns.records import Finding
from lifesigns.report import Report

with extra("tensorboard"):
    from torch.utils.tensorboard import SummaryWriter


class TensorBoardLog:
    """Numbers as scalars, findings as texts.

    Args:
        to: A folder, or the `SummaryWriter` of the training, which stays open then.
    """

    def __init__(self, to: str | Path | SummaryWriter) -> None:
        self._is_own = isinstance(to, str | Path)
        self._writer: Any = SummaryWriter(str(to)) if self._is_own else to

    def numbers(self, step: int, numbers: Mapping[str, float]) -> None:
        """Writes scalars.

        Args:
            step: Of training.
            numbers: By name.
        """
        for name, number in numbers.items():
            self._writer.add_scalar(name, number, step)

    def finding(self, finding: Finding) -> None:
        """Writes a text.

        Args:
            finding: Named by its rule.
        """
        self._writer.add_text(f"lifesigns/{finding.rule}", _tracker.whole(finding), finding.step)

    def end(self, report: Report) -> None:
        """Writes the whole report as a text.

        Args:
            report: On the run.
        """
        indented = "\n".join(f"    {line}" for line in str(report).splitlines())
        self._writer.add_text("lifesigns/report", indented, report.trace.steps)
        self._writer.flush()
        if self._is_own:
            self._writer.close()
