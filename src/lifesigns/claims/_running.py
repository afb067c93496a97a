"""Runs claims before the user's eyes, and knows where their results are kept."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lifesigns._cache import cache_folder
from lifesigns.claims._claim import Claim, Effort
from lifesigns.claims._engine import Done, run_claims
from lifesigns.report.terminal import console_for


def kept_folder() -> Path:
    """Where results are kept: the user's cache folder."""
    return cache_folder() / "claims"


def run_with_progress(chosen: Sequence[Claim], effort: Effort, kept: Path | None) -> list[Done]:
    """Runs claims with a bar on standard error that is gone when they are done.

    Args:
        chosen: Run in this order.
        effort: Quick or full.
        kept: The folder of earlier results, which are taken where code, data and versions are the
            same; None to run everything and keep nothing.
    """
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
