"""The report on a run: what was found, and every form it can be shown in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import IO, Any

from lifesigns import _outputs
from lifesigns.records import Finding, Trace
from lifesigns.report import as_json, as_text, sarif, table_file
from lifesigns.report.verdict import alarms, verdict
from lifesigns.rules import Selection


@dataclass(frozen=True, repr=False)
class Report:
    """What was found in a run, with the run itself as its evidence.

    Example:
        >>> Report(Trace(), ())
        <Report: no training step was seen: nothing can be said>
    """

    trace: Trace
    findings: tuple[Finding, ...]
    """Most probable root cause first, as `judge` returns them."""
    ignored: Mapping[str, int] = field(default_factory=dict)
    """Number of findings that a selection left out, by rule."""

    @classmethod
    def of(
        cls, trace: Trace, selection: Selection, stored: tuple[Finding, ...] | None = None
    ) -> Report:
        """What the rules conclude now; of a run that has ended, what they concluded then.

        Args:
            trace: What was recorded.
            selection: Which rules are asked; anything but all has the trace judged anew.
            stored: What was found when the run ended; None where that is not known.
        """
        is_judged = selection == Selection() and trace.info.outcome != "running"
        if stored is not None and is_judged:
            return cls(trace, stored)
        judgement = selection.judge(trace)
        return cls(trace, judgement.findings, judgement.ignored)

    @property
    def ok(self) -> bool:
        """Whether nothing alarming was found; notes are no alarm."""
        return not alarms(self.findings)

    @property
    def verdict(self) -> str:
        """The report in one line."""
        return verdict(self.trace, self.findings)

    def print(
        self, file: IO[str] | None = None, *, color: bool | None = None, width: int | None = None
    ) -> None:
        """Prints the report as text.

        Args:
            file: Where to; standard error by default.
            color: None colours it on a terminal that can, unless `NO_COLOR` is set.
            width: Characters per line; by default those of the terminal, at most 100, and 80
                where there is no terminal.
        """
        as_text.print_report(
            self.trace, self.findings, file, ignored=self.ignored, color=color, width=width
        )

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values; docs/report-schema.md says what is where."""
        return as_json.to_json(self.trace, self.findings, self.ignored)

    def json_text(self) -> str:
        """`to_json()` as the text of a file."""
        return as_json.to_text(self.to_json())

    def sarif_text(self) -> str:
        """The report as SARIF 2.1.0."""
        return as_json.to_text(sarif.to_sarif(self.trace, self.findings))

    def write_json(self, path: str | Path) -> None:
        """Writes `to_json()` to `path`, the whole file or nothing; `-` is standard output.

        Args:
            path: Replaced if it is there.

        Raises:
            UsageError: `path` is no place for a file.
            LifesignsError: It cannot be written there; what was there before is untouched.
        """
        _outputs.write(Path(path), self.json_text())

    def write_sarif(self, path: str | Path) -> None:
        """Writes the report as SARIF 2.1.0 to `path`; otherwise as `write_json`.

        Args:
            path: Replaced if it is there; `-` is standard output.

        Raises:
            UsageError: `path` is no place for a file.
            LifesignsError: It cannot be written there; what was there before is untouched.
        """
        _outputs.write(Path(path), self.sarif_text())

    def html(self) -> str:
        """The report as a page with charts: one file that opens without a network."""
        from lifesigns.report.page import document
        from lifesigns.report.page.file_host import page_html

        return page_html(document(self.trace, self.findings, self.ignored))

    def write_html(self, path: str | Path) -> None:
        """Writes `html()` to `path`; otherwise as `write_json`.

        Args:
            path: Replaced if it is there; `-` is standard output.

        Raises:
            UsageError: `path` is no place for a file.
            LifesignsError: It cannot be written there; what was there before is untouched.
        """
        _outputs.write(Path(path), self.html())

    def write_table(self, path: str | Path) -> None:
        """Writes the trace's `rows()` as CSV, or as Parquet if that is how `path` ends.

        Args:
            path: Ends in `.csv` or `.parquet`; otherwise as for `write_json`.

        Raises:
            UsageError: It ends otherwise, or is no place for a file.
            MissingExtraError: For Parquet, the extra `parquet` is not installed.
            LifesignsError: It cannot be written there; what was there before is untouched.
        """
        _outputs.write(Path(path), table_file.text(self.trace.rows(), Path(path)))

    def svg(self, title: str = "lifesigns") -> str:
        """The report as a picture of a terminal, 80 columns wide.

        Args:
            title: Stands in the bar of the window.

        Returns:
            SVG that needs no network.
        """
        return as_text.svg(self.trace, self.findings, title)

    def __str__(self) -> str:
        return as_text.plain(self.trace, self.findings)

    def _repr_html_(self) -> str:
        """What a notebook shows: the page, in a frame that can reach nothing around it."""
        return (
            '<iframe sandbox="allow-scripts" style="width: 100%; height: 720px; border: 0" '
            f'title="lifesigns" srcdoc="{escape(self.html())}"></iframe>'
        )

    def __repr__(self) -> str:
        return f"<Report: {self.verdict}>"
