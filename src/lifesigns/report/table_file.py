"""Rows of a trace as the content of a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lifesigns._errors import UsageError, extra
from lifesigns.records.table import COLUMNS


def text(rows: Sequence[dict[str, Any]], path: Path) -> str | bytes:
    """What a file holds, in the form that the end of its name says.

    Args:
        rows: With the keys `COLUMNS`.
        path: Ends in `.csv` or `.parquet`; `-`, for standard output, is CSV.

    Raises:
        UsageError: It ends otherwise.
        MissingExtraError: For Parquet, the extra `parquet` is not installed.
    """
    if path.suffix.lower() == ".parquet":
        return _parquet(rows)
    if path.suffix.lower() == ".csv" or str(path) == "-":
        return _csv(rows)
    raise UsageError(f"{path.name}: expected a name that ends in .csv or .parquet")


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    made = io.StringIO(newline="")
    writer = csv.DictWriter(made, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return made.getvalue()


def _parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    with extra("parquet"):
        import pyarrow as arrow
        from pyarrow import parquet
    made = arrow.BufferOutputStream()
    columns = {name: [row[name] for row in rows] for name in COLUMNS}
    parquet.write_table(arrow.table(columns), made)
    return bytes(made.getvalue())
