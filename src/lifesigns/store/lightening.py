"""Makes a snapshot in a run file light, and the file of a run that has ended compact."""

from __future__ import annotations

import sqlite3

from lifesigns.records import Graph, Snapshot
from lifesigns.store.folded import Folded
from lifesigns.store.packing import compress, unpack
from lifesigns.store.schema import Row

PAGE = 512
"""Bytes of a page of SQLite in a small file: on average each row wastes half of one."""


def light_rows(number: int, folded: Folded) -> list[Row]:
    """What puts a folded snapshot in the place of a whole one.

    Args:
        number: Of the snapshot in the file.
        folded: The same without what was measured of each unit.
    """
    structure = (folded.digest, compress(folded.structure))
    packed = (folded.body, folded.arrays, folded.digest, number)
    return [
        ("INSERT OR IGNORE INTO structures VALUES (?, ?)", structure),
        ("UPDATE snapshots SET body = ?, arrays = ?, structure = ? WHERE number = ?", packed),
    ]


def read_whole(connection: sqlite3.Connection, number: int) -> Snapshot:
    """A snapshot without its graph.

    Args:
        connection: To the run file.
        number: Of one that is whole.

    Raises:
        LookupError: It is not there.
    """
    query = "SELECT body, arrays FROM snapshots WHERE number = ?"
    row = connection.execute(query, (number,)).fetchone()
    if row is None:
        raise LookupError(f"snapshot {number} was not written yet")
    body, arrays = row
    return unpack(body, arrays, Graph())


def shrink(connection: sqlite3.Connection) -> None:
    """Gives the space of rows that are gone back to the disk.

    Args:
        connection: Of the writer, to a file without a log.
    """
    connection.execute(f"PRAGMA page_size = {PAGE}")
    connection.execute("VACUUM")
