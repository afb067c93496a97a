"""`lifesigns show RUN`: the report of a stored run, or of those of several ranks together."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from lifesigns import _outputs
from lifesigns._errors import UsageError
from lifesigns._outputs import STDOUT
from lifesigns.report import Report
from lifesigns.report.github import to_github
from lifesigns.report.joined import Joined, Part
from lifesigns.rules import Selection
from lifesigns.store import as_left, read_findings, read_run


def show(
    path: Path,
    *others: Path,
    json_output: bool = False,
    sarif_path: Path | None = None,
    selection: Selection | None = None,
    output_format: str = "text",
) -> int:
    """Print the report of the run file at `path` to standard output.

    Args:
        path: A run file; the run may have ended, been killed, or still be going on.
        others: Those of other ranks of the same training; all of them make one report.
        json_output: Print the report's JSON form instead of text.
        sarif_path: Where to write the report as SARIF.
        selection: Which rules are asked; anything but all has the trace judged anew.
        output_format: `github` adds an annotation for each finding to the text.

    Returns:
        The exit code, 0.

    Raises:
        RunFileError: There is no readable run file at `path`; the message says why.
    """
    if json_output and sarif_path == STDOUT:
        raise UsageError("--json and --sarif - both write to standard output: give one of them.")
    report = _report((path, *others), selection or Selection())
    if json_output:
        print(json.dumps(report.to_json(), indent=2))
    elif sarif_path != STDOUT:
        report.print(file=sys.stdout)
        if output_format == "github":
            print(to_github(report.trace, report.findings), end="")
    if sarif_path is not None:
        _outputs.write(sarif_path, report.sarif_text())
    return 0


def _report(paths: tuple[Path, ...], selection: Selection) -> Report | Joined:
    reports = [_report_of(path, selection) for path in paths]
    if len(reports) == 1:
        return reports[0]
    known = [report.trace.info.rank for report in reports]
    numbers = known if len(set(known)) == len(known) else range(len(known))
    world = max(len(reports), 1 + max(numbers), *(r.trace.info.ranks for r in reports))
    parts = {n: Part(r.trace, r.findings) for n, r in zip(numbers, reports, strict=True)}
    missing = {n: "is not among the run files" for n in range(world) if n not in parts}
    return Joined.of(parts, world, selection, missing)


def _report_of(path: Path, selection: Selection) -> Report:
    found = Report.of(read_run(path), selection, read_findings(path))
    return replace(found, trace=as_left(found.trace, path))
