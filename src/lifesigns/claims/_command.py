"""`lifesigns claims`: runs claims before the user's eyes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lifesigns._cache import cache_folder
from lifesigns._outputs import make_folder, write
from lifesigns.claims._book import as_json, book, markdown, print_table
from lifesigns.claims._claim import Claim, Effort
from lifesigns.claims._engine import Done, find_claims, run_claims
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
        print("lifesigns: interrupted; the claims that were done are kept.", file=sys.stderr)
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


def kept_folder() -> Path:
    """Where results are kept: the user's cache folder."""
    return cache_folder() / "claims"


def run_with_progress(chosen: Sequence[Claim], effort: Effort, kept: Path | None) -> list[Done]:
    """Runs claims with a bar on standard error that is gone when they are done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn())  # fmt: skip
    console = console_for(sys.stderr)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("", total=len(chosen))
        done: list[Done] = []

        def on_start(claim: Claim) -> None:
            bar.update(task, description=claim.name, completed=len(done))

        done.extend(run_claims(chosen, effort, kept=kept, on_start=on_start))
        return done
