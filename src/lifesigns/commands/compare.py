"""`lifesigns compare A B [C…]`: stored runs side by side."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from lifesigns._errors import UsageError
from lifesigns.report.as_json import to_text
from lifesigns.report.comparison import Comparison, Side, compare
from lifesigns.report.comparison.as_json import to_json
from lifesigns.report.comparison.terminal import print_comparison
from lifesigns.rules import Selection
from lifesigns.store import read_run


def compare_runs(
    paths: Sequence[Path],
    *,
    axis: str = "step",
    json_output: bool = False,
    selection: Selection | None = None,
) -> int:
    """Print how the other runs differ from the first.

    All are judged by the rules of today, so that a finding is not new because a rule is.

    Args:
        paths: Run files; a run may have ended, been killed, or still be going on.
        axis: What losses are aligned by: `step` or `samples`.
        json_output: Print JSON instead of text.
        selection: Which rules are asked.

    Returns:
        The exit code: 1 if one of the other runs has an alarm that the first has not, else 0.

    Raises:
        UsageError: There is nothing to compare.
        RunFileError: There is no readable run file at one of the paths; the message says why.
    """
    if len(paths) < 2:
        raise UsageError("Give two run files or more: lifesigns compare A B.")
    sides = [_side(path, selection or Selection()) for path in paths]
    comparisons = compare(sides, axis)
    if json_output:
        print(to_text(to_json(comparisons)), end="")
    else:
        print_comparison(comparisons, sys.stdout)
    return _exit_code(comparisons)


def _side(path: Path, selection: Selection) -> Side:
    trace = read_run(path)
    if not trace.snapshots and not len(trace.losses.values):
        raise UsageError(
            f"There is nothing to compare in {path}: no step of it was seen. Give a run that "
            "trained."
        )
    return Side(str(path), trace, selection.judge(trace).findings)


def _exit_code(comparisons: Sequence[Comparison]) -> int:
    return int(any(comparison.has_new_alarms for comparison in comparisons))
