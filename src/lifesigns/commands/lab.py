"""`lifesigns lab`: carries a design out before the user's eyes and writes what came of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lifesigns._errors import UsageError, shown
from lifesigns.lab.design.arguments import design_of
from lifesigns.lab.design.design import Design
from lifesigns.lab.results.folder import make_folder, write_design, write_outcome
from lifesigns.lab.results.pages import print_ranking
from lifesigns.lab.results.ranking import rank
from lifesigns.lab.run import Outcome, run
from lifesigns.lab.training.workers import LocalWorkers, Workers, cores
from lifesigns.locale.spoken import said
from lifesigns.report.progress import Progress, spell
from lifesigns.report.terminal import console_for

INTERRUPTED = 130
FEW_JOBS = 32
"""Processes that are started on any machine, if that is asked for."""
LONG = 3.0
"""Seconds from which it is said beforehand how long it takes."""
DONE = "units"
"""Folder of the finished work units, inside the folder of results."""


def lab(
    file: Path | None,
    options: Mapping[str, Any],
    *,
    out: Path | None = None,
    jobs: int | None = None,
    on: str = "local",
    parquet: bool = False,
) -> int:
    """Runs a design, shows progress, prints the ranking, writes files; returns the exit code.

    Args:
        file: A design as TOML, or None.
        options: Fields of the design given one by one, see `design_of`.
        out: Folder for the design, tables and page; what is there of the same design is not done
            again.
        jobs: Most processes; all processors by default.
        on: `local` or `ray`.
        parquet: Write Parquet tables beside the CSV ones.

    Raises:
        UsageError: The design makes no sense, the data cannot be read, the folder not written.
    """
    workers = _workers(on, jobs)
    design = _with_kept_chunk(design_of(file, options), out)
    if out is not None:
        make_folder(out)
    try:
        outcome = _watched(design, workers, out)
    except KeyboardInterrupt:
        print(f"lifesigns: {said('interrupted.')} {said(_what_is_kept(out))}", file=sys.stderr)
        return INTERRUPTED
    ranking = rank(outcome)
    files = write_outcome(outcome, ranking, out, parquet=parquet) if out else ()
    console = console_for(sys.stdout)
    print_ranking(ranking, console)
    if files:
        written = said(f"Written to {out}: {', '.join(files)}")
        console.print(f"\n{written}", markup=False)
    return 0


def _workers(on: str, jobs: int | None) -> Workers:
    if on == "ray":
        from lifesigns.lab.training.ray_workers import RayWorkers

        return RayWorkers()
    if on != "local":
        raise UsageError(f"{on!r} is no place to run on: local or ray is expected.")
    jobs, most = jobs or cores(), max(FEW_JOBS, 2 * cores())
    if jobs > most:
        raise UsageError(
            f"--jobs is {shown(jobs)}; at most {most} make sense on this machine, which has "
            f"{cores()} processors. Leave it out to use them all."
        )
    return LocalWorkers(jobs)


def _with_kept_chunk(design: Design, out: Path | None) -> Design:
    """The chunk size of the interrupted run in this folder, so that its units are found again."""
    kept = out / "design.toml" if out else None
    if design.chunk or kept is None or not kept.is_file():
        return design
    try:
        before = design_of(kept, {})
    except UsageError:  # damaged, or of another version: then there is nothing to go on from
        return design
    return before if _same_but_chunk(before, design) else design


def _same_but_chunk(one: Design, other: Design) -> bool:
    return {**one.as_dict(), "chunk": 0} == {**other.as_dict(), "chunk": 0}


def _watched(design: Design, workers: Workers, out: Path | None) -> Outcome:
    with Progress("lab") as shown:
        stages = iter(("tuning the rates", "comparing"))
        stage = ""

        def progress(done: int, whole: int) -> None:
            nonlocal stage
            if done == 0 or not stage:
                stage = next(stages, "training")
            shown.at(stage, done, whole)

        def price(seconds: float) -> None:
            if seconds > LONG:
                shown.say(f"about {spell(seconds)} on this machine, by its first steps.")

        return run(
            design,
            workers=workers,
            folder=out / DONE if out else None,
            progress=progress,
            on_design=(lambda tuned: write_design(tuned, out)) if out else None,
            on_price=price,
        )


def _what_is_kept(out: Path | None) -> str:
    if out is None:
        return "Nothing was kept; with --out DIR it could go on from here."
    return f"What is done is kept in {out}; the same command goes on from there."
