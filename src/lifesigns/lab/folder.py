"""What a comparison leaves in a folder: a page, tables, and the design to repeat it."""

from __future__ import annotations

from pathlib import Path

from lifesigns._outputs import write
from lifesigns.lab.design import Design
from lifesigns.lab.pages import as_toml, html_page
from lifesigns.lab.ranking import Ranking
from lifesigns.lab.results import effect_rows, ranking_rows, run_rows, write_csv, write_parquet
from lifesigns.lab.run import Outcome


def write_outcome(
    outcome: Outcome, ranking: Ranking, out: Path, *, parquet: bool = False
) -> list[str]:
    """Writes the page and the tables; returns the names of the files.

    Raises:
        UsageError: Parquet was asked for and the extra `parquet` is not installed.
    """
    write(out / "report.html", html_page(outcome, ranking))
    written = ["report.html"]
    for name, rows in (
        ("ranking", list(ranking_rows(ranking))),
        ("effects", list(effect_rows(ranking))),
        ("runs", list(run_rows(outcome))),
    ):
        if rows:
            write_csv(rows, out / f"{name}.csv")
            written.append(f"{name}.csv")
        if rows and parquet:
            write_parquet(rows, out / f"{name}.parquet")
            written.append(f"{name}.parquet")
    if isinstance(outcome.design, Design):
        write(out / "design.toml", as_toml(outcome.design))
        written.append("design.toml")
    return written
