"""The tables of a run file, its version, and the way from an older version to this one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lifesigns._errors import RunFileError
from lifesigns._outputs import APPLICATION_ID
from lifesigns.records import SCHEMA_VERSION

PAGE = 2048
"""Bytes of a page of SQLite: a step that is written changes about eight of them in the log."""
TABLES = (
    "CREATE TABLE schema (version INTEGER NOT NULL)",
    "CREATE TABLE environment (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE progress (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE graphs (hash BLOB PRIMARY KEY, body BLOB NOT NULL)",
    "CREATE TABLE structures (hash BLOB PRIMARY KEY, body BLOB NOT NULL)",
    """CREATE TABLE snapshots (
        number INTEGER PRIMARY KEY,
        step INTEGER NOT NULL,
        stream INTEGER NOT NULL,
        reason TEXT NOT NULL,
        graph BLOB NOT NULL REFERENCES graphs (hash),
        body BLOB NOT NULL,
        arrays BLOB NOT NULL,
        structure BLOB NOT NULL DEFAULT x'' REFERENCES structures (hash)
    )""",
    """CREATE TABLE losses (
        number INTEGER PRIMARY KEY,
        steps BLOB NOT NULL,
        "values" BLOB NOT NULL,
        streams BLOB NOT NULL,
        form TEXT NOT NULL DEFAULT ''
    )""",
    """CREATE TABLE findings (
        number INTEGER PRIMARY KEY,
        rule TEXT NOT NULL,
        code TEXT NOT NULL,
        severity TEXT NOT NULL,
        body TEXT NOT NULL
    )""",
)

OLDER: dict[int, tuple[str, ...]] = {
    1: (
        *(TABLES[0], TABLES[1], TABLES[2], TABLES[3], TABLES[7]),
        """CREATE TABLE snapshots (
        number INTEGER PRIMARY KEY,
        step INTEGER NOT NULL,
        stream INTEGER NOT NULL,
        reason TEXT NOT NULL,
        graph BLOB NOT NULL REFERENCES graphs (hash),
        body BLOB NOT NULL,
        arrays BLOB NOT NULL
    )""",
        """CREATE TABLE losses (
        number INTEGER PRIMARY KEY,
        steps BLOB NOT NULL,
        "values" BLOB NOT NULL,
        streams BLOB NOT NULL
    )""",
    ),
}
"""The tables of earlier versions, without what a damaged or forged file has in their place."""

MIGRATIONS: dict[int, tuple[str, ...]] = {
    1: (
        TABLES[4],
        "ALTER TABLE snapshots ADD COLUMN structure BLOB NOT NULL DEFAULT x''",
        "ALTER TABLE losses ADD COLUMN form TEXT NOT NULL DEFAULT ''",
    ),
}
"""Statements that turn a file of the version given into one of the next version.

Whoever raises `SCHEMA_VERSION` adds the entry for the version before it.
"""


def lay_out(connection: sqlite3.Connection) -> None:
    """Create the tables in an empty file, all or none.

    Args:
        connection: To a new file, in autocommit mode.
    """
    connection.execute(f"PRAGMA page_size = {PAGE}")
    with transaction(connection):
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for table in TABLES:
            connection.execute(table)
        connection.execute("INSERT INTO schema VALUES (?)", (SCHEMA_VERSION,))


def is_run_file(connection: sqlite3.Connection) -> bool:
    """Whether lifesigns made the file; DatabaseError if it is not an SQLite file at all.

    Args:
        connection: To any file.
    """
    return bool(connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID)


def version_of(connection: sqlite3.Connection) -> int:
    """The version the file was written with.

    Args:
        connection: To a run file; the tables are there.
    """
    return int(connection.execute("SELECT version FROM schema").fetchone()[0])


def current(connection: sqlite3.Connection) -> sqlite3.Connection:
    """The run in this version's form: the connection itself, or a migrated copy in memory.

    The file is never changed: the program that wrote it may still be writing.

    Args:
        connection: To a run file; it may be read-only.

    Raises:
        RunFileError: A newer lifesigns wrote it, the version is one nothing leads on from, or the
            tables are not those of a run.
    """
    _require_tables(connection, TABLES[:1])
    version = version_of(connection)
    if version == SCHEMA_VERSION:
        _require_tables(connection, TABLES)
        return connection
    if version > SCHEMA_VERSION:
        raise RunFileError(
            f"It was written by a newer lifesigns (schema {version}); this one reads schemas up "
            f"to {SCHEMA_VERSION}. Upgrade: pip install -U lifesigns"
        )
    if version not in MIGRATIONS:
        raise _unknown(version)
    _require_tables(connection, OLDER.get(version, ()))
    copy = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.backup(copy)
        migrate(copy)
    except BaseException:
        copy.close()
        raise
    return copy


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an older file up to this version, one version at a time.

    Args:
        connection: To a run file of this or an older version, writable.

    Raises:
        RunFileError: No migration leads on from its version; those before stay done.
    """
    for version in range(version_of(connection), SCHEMA_VERSION):
        if version not in MIGRATIONS:
            raise _unknown(version)
        with transaction(connection):
            for statement in MIGRATIONS[version]:
                connection.execute(statement)
            connection.execute("UPDATE schema SET version = ?", (version + 1,))


def _require_tables(connection: sqlite3.Connection, tables: Sequence[str]) -> None:
    """Refuses views and columns that are computed: what they yield may never end."""
    held = {statement for (statement,) in connection.execute("SELECT sql FROM sqlite_master")}
    if not held.issuperset(tables):
        raise RunFileError("Its tables are not those of a run: it is damaged, or forged.")


def _unknown(version: int) -> RunFileError:
    return RunFileError(f"Schema {version} is unknown; no released lifesigns wrote it.")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All statements of the block or none, whatever interrupts it.

    Args:
        connection: In autocommit mode, with no transaction open.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


Row = tuple[str, tuple[Any, ...]]
"""A statement and the values for the question marks in it."""


def execute(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Carry out statements.

    Args:
        connection: To a run file, in a transaction.
        rows: In order.
    """
    for statement, values in rows:
        connection.execute(statement, values)
