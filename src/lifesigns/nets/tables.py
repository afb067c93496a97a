"""Reads the user's own data: CSV with a header line, or NPZ with arrays `X` and `y`."""

from __future__ import annotations

from pathlib import Path

from lifesigns._errors import UsageError
from lifesigns._files import why_unreadable
from lifesigns.nets.csv_file import read_csv
from lifesigns.nets.npz_file import read_npz
from lifesigns.nets.samples import Table, refuse_unusable


def read_table(path: Path, target: str | None = None) -> Table:
    """Reads a file as samples.

    A target column of words, or of few different whole numbers, holds classes; anything else
    values. Sizes are checked before there is memory for them, so that a small file cannot ask for
    much of it.

    Args:
        path: A .csv or .npz file.
        target: Column of the targets in a CSV file; the last one by default.

    Raises:
        UsageError: The file does not exist, is no such table, holds words or gaps where numbers
            are expected, only one class, too few rows or too many values.
    """
    reason = why_unreadable(path)
    if reason:
        raise UsageError(f"{path} {reason}; a .csv or .npz file is expected.")
    try:
        is_npz = path.suffix.lower() == ".npz"
        table = read_npz(path) if is_npz else read_csv(path, target)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    refuse_unusable(path, table)
    return table
