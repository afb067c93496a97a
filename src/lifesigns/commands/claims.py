"""`lifesigns claims`: runs the textbook's sentences as experiments."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from lifesigns._outputs import make_folder, write
from lifesigns.claims import (
    Effort,
    as_json,
    book,
    find_claims,
    kept_folder,
    markdown,
    print_table,
    run_with_progress,
)
from lifesigns.locale.spoken import said
from lifesigns.report.terminal import console_for

INTERRUPTED = 130


def claims(
    names: Sequence[str],
    *,
    quick: bool = False,
    out: Path | None = None,
    json_output: bool = False,
    fresh: bool = False,
) -> int:
    """Runs the claims of these names (all by default), prints the verdicts; returns the exit code.

    Args:
        names: Of claims.
        quick: Fewer seeds and steps.
        out: Folder for the book (`claims.html`), its numbers (`claims.md`) and `claims.json`.
        json_output: Print JSON instead of the table.
        fresh: Run everything anew, whatever is kept from earlier runs.

    Raises:
        UsageError: A name is unknown, or the folder cannot be written.
    """
    chosen, effort = find_claims(names), Effort(quick)
    if out is not None:
        make_folder(out)
    try:
        done = run_with_progress(chosen, effort, None if fresh else kept_folder())
    except KeyboardInterrupt:
        kept = said("interrupted; the claims that were done are kept.")
        print(f"lifesigns: {kept}", file=sys.stderr)
        return INTERRUPTED
    if json_output:
        print(json.dumps(as_json(done, effort), indent=1))
    else:
        print_table(done, effort, console_for(sys.stdout))
    if out is not None:
        write(out / "claims.html", book(done, effort))
        write(out / "claims.md", markdown(done, effort))
        write(out / "claims.json", json.dumps(as_json(done, effort), indent=1) + "\n")
    return 0
