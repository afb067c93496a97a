"""`lifesigns compare A B [C…]`: stored runs side by side."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from lifesigns import _outputs
from lifesigns._errors import UsageError
from lifesigns._outputs import STDOUT
from lifesigns.report.as_json import to_text
from lifesigns.report.comparison import Comparison, Side, compare
from lifesigns.report.comparison.as_json import to_json
from lifesigns.report.comparison.terminal import print_comparison
from lifesigns.report.page import document
from lifesigns.report.page.comparison_host import comparison_html
from lifesigns.rules import Selection
from lifesigns.store import as_left, read_run


def compare_runs(
    paths: Sequence[Path],
    *,
    axis: str = "step",
    json_output: bool = False,
    html: Path | None = None,
    selection: Selection | None = None,
) -> int:
    """Print how the other runs differ from the first.

    All are judged by the rules of today, so that a finding is not new because a rule is.

    Args:
        paths: Run files; a run may have ended, been killed, or still be going on.
        axis: What losses are aligned by: `step` or `samples`.
        json_output: Print JSON instead of text.
        html: Where to write the page of the comparison.
        selection: Which rules are asked.

    Returns:
        The exit code: 1 if one of the other runs has an alarm that the first has not, else 0.

    Raises:
        UsageError: There is nothing to compare, or the page may not be written there.
        RunFileError: There is no readable run file at one of the paths; the message says why.
    """
    if len(paths) < 2:
        raise UsageError("Give two run files or more: lifesigns compare A B.")
    if json_output and html == STDOUT:
        raise UsageError("--json and --html - both write to standard output: give one of them.")
    sides = [_side(path, selection or Selection()) for path in paths]
    comparisons = compare(sides, axis)
    if html is not None:
        _write_page(html, comparisons, sides)
    if json_output:
        print(to_text(to_json(comparisons)), end="")
    elif html != STDOUT:
        print_comparison(comparisons, sys.stdout)
    return _exit_code(comparisons)


def _side(path: Path, selection: Selection) -> Side:
    trace = as_left(read_run(path), path)
    if not trace.snapshots and not len(trace.losses.values):
        raise UsageError(
            f"There is nothing to compare in {path}: no step of it was seen. Give a run that "
            "trained."
        )
    return Side(str(path), trace, selection.judge(trace).findings)


def _write_page(path: Path, comparisons: Sequence[Comparison], sides: Sequence[Side]) -> None:
    documents = [document(side.trace, side.findings) for side in sides]
    _outputs.write(path, comparison_html(to_json(comparisons), documents))


def _exit_code(comparisons: Sequence[Comparison]) -> int:
    return int(any(comparison.has_new_alarms for comparison in comparisons))
