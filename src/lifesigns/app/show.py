"""`lifesigns show RUN`: the report of a stored run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lifesigns.records import Finding, Trace
from lifesigns.report import Report
from lifesigns.rules import judge
from lifesigns.store import read_findings, read_run


def show(path: Path, *, json_output: bool = False) -> int:
    """Print the report of the run file at `path` to standard output.

    Args:
        path: A run file; the run may have ended, been killed, or still be going on.
        json_output: Print the report's JSON form instead of text.

    Returns:
        The exit code, 0.

    Raises:
        RunFileError: There is no readable run file at `path`; the message says why.
    """
    trace = read_run(path)
    report = Report(trace, _findings(path, trace))
    if json_output:
        print(json.dumps(report.to_json(), indent=2))
    else:
        report.print(file=sys.stdout)
    return 0


def _findings(path: Path, trace: Trace) -> tuple[Finding, ...]:
    """What was found live; a run that did not reach its end is judged now."""
    return judge(trace) if trace.info.outcome == "running" else read_findings(path)
