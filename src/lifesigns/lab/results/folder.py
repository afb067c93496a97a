"""What a comparison leaves in a folder: a page, tables, and the design to repeat it."""

from __future__ import annotations

from pathlib import Path

from lifesigns import _outputs
from lifesigns._errors import UsageError
from lifesigns._outputs import regular_file, write
from lifesigns.lab.design.design import Design
from lifesigns.lab.results.pages import as_toml, html_page
from lifesigns.lab.results.ranking import Ranking
from lifesigns.lab.results.tables import (
    effect_rows,
    ranking_rows,
    run_rows,
    write_csv,
    write_parquet,
)
from lifesigns.lab.run import Outcome

TABLES = ("ranking", "effects", "runs")
NAMES = (
    "report.html",
    "design.toml",
    *(f"{table}.{kind}" for table in TABLES for kind in ("csv", "parquet")),
)
"""Of the files."""


def make_folder(out: Path) -> None:
    """Makes sure that the files of a comparison can be written to `out`.

    Args:
        out: Made with its parents where it is missing; other files in it are left alone.

    Raises:
        UsageError: They cannot.
    """
    _outputs.make_folder(out)
    for name in NAMES:
        regular_file(out / name)


def write_outcome(
    outcome: Outcome, ranking: Ranking, out: Path, *, parquet: bool = False
) -> list[str]:
    """Writes the page and the tables; returns the names of the files.

    Args:
        outcome: The results of a comparison.
        ranking: Their order.
        out: The folder.
        parquet: Whether the tables are written as Parquet, too.

    Raises:
        UsageError: Parquet was asked for and the extra `parquet` is not installed; or the folder
            cannot be written to any more.
    """
    try:
        return _written(outcome, ranking, out, parquet)
    except OSError as error:
        raise UsageError(f"Nothing can be written to {out}: {error.strerror or error}.") from error


def write_design(design: Design, out: Path) -> None:
    """Writes the design; the file appears at once or not at all.

    Args:
        design: What is compared, with every setting, also those left at their defaults.
        out: The folder of the comparison; it exists.

    Raises:
        UsageError: The folder cannot be written to.
    """
    write(out / "design.toml", as_toml(design))


def _written(outcome: Outcome, ranking: Ranking, out: Path, parquet: bool) -> list[str]:
    write(out / "report.html", html_page(outcome, ranking))
    written = ["report.html"]
    rows_of_tables = ranking_rows(ranking), effect_rows(ranking), run_rows(outcome)
    for name, rows in zip(TABLES, map(list, rows_of_tables), strict=True):
        if rows:
            write_csv(rows, out / f"{name}.csv")
            written.append(f"{name}.csv")
        if rows and parquet:
            write_parquet(rows, out / f"{name}.parquet")
            written.append(f"{name}.parquet")
    if isinstance(outcome.design, Design):
        write_design(outcome.design, out)
        written.append("design.toml")
    return written
