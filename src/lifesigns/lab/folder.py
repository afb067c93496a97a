"""What a comparison leaves in a folder: a page, tables, and the design to repeat it."""

from __future__ import annotations

from pathlib import Path

from lifesigns._errors import UsageError
from lifesigns.lab.design import Design
from lifesigns.lab.pages import as_toml, html_page
from lifesigns.lab.ranking import Ranking
from lifesigns.lab.results import effect_rows, ranking_rows, run_rows, write_csv, write_parquet
from lifesigns.lab.run import Outcome

TABLES = ("ranking", "effects", "runs")
NAMES = (
    "report.html",
    "design.toml",
    "design.toml.part",
    *(f"{table}.{kind}" for table in TABLES for kind in ("csv", "parquet")),
)
"""Of the files."""


def make_folder(out: Path) -> None:
    """Makes sure that files can be written to `out`.

    Raises:
        UsageError: They cannot.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is no folder; the name of a folder is expected, new or not.")
    for name in NAMES:
        if (out / name).exists() and not (out / name).is_file():
            raise UsageError(f"{out / name} is no file; move it away, or name another folder.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / ".writable").touch()
        (out / ".writable").unlink()
    except OSError as error:
        raise _unwritable(out, error) from error


def write_outcome(
    outcome: Outcome, ranking: Ranking, out: Path, *, parquet: bool = False
) -> list[str]:
    """Writes the page and the tables; returns the names of the files.

    Raises:
        UsageError: Parquet was asked for and the extra `parquet` is not installed; or the folder
            cannot be written to any more.
    """
    try:
        return _written(outcome, ranking, out, parquet)
    except OSError as error:
        raise _unwritable(out, error) from error


def write_design(design: Design, out: Path) -> None:
    """Writes the design; the file appears at once or not at all.

    Raises:
        UsageError: The folder cannot be written to.
    """
    try:
        part = out / "design.toml.part"
        part.write_text(as_toml(design), encoding="utf-8")
        part.replace(out / "design.toml")
    except OSError as error:
        raise _unwritable(out, error) from error


def _written(outcome: Outcome, ranking: Ranking, out: Path, parquet: bool) -> list[str]:
    (out / "report.html").write_text(html_page(outcome, ranking), encoding="utf-8")
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


def _unwritable(out: Path, error: OSError) -> UsageError:
    return UsageError(f"Nothing can be written to {out}: {error.strerror or error}.")
