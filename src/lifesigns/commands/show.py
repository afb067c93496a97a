"""`lifesigns show RUN`: the report of a stored run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lifesigns._errors import UsageError
from lifesigns._outputs import STDOUT
from lifesigns.report import Report
from lifesigns.rules import Selection
from lifesigns.store import read_findings, read_run


def show(
    path: Path,
    *,
    json_output: bool = False,
    sarif_path: Path | None = None,
    selection: Selection | None = None,
) -> int:
    """Print the report of the run file at `path` to standard output.

    Args:
        path: A run file; the run may have ended, been killed, or still be going on.
        json_output: Print the report's JSON form instead of text.
        sarif_path: Where to write the report as SARIF.
        selection: Which rules are asked; anything but all has the trace judged anew.

    Returns:
        The exit code, 0.

    Raises:
        RunFileError: There is no readable run file at `path`; the message says why.
    """
    if json_output and sarif_path == STDOUT:
        raise UsageError("--json and --sarif - both write to standard output: give one of them.")
    trace = read_run(path)
    report = Report.of(trace, selection or Selection(), read_findings(path))
    if json_output:
        print(json.dumps(report.to_json(), indent=2))
    elif sarif_path != STDOUT:
        report.print(file=sys.stdout)
    if sarif_path is not None:
        report.write_sarif(sarif_path)
    return 0
