"""Opens a run file, finished or being written or left behind by a kill, and never changes it."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lifesigns._errors import RunFileError
from lifesigns.records import Finding, Graph, LossCurve, RunInfo, Snapshot, Trace, from_json
from lifesigns.store.packing import decompress, unpack
from lifesigns.store.schema import current, is_run_file

PATIENCE = 10.0
"""Seconds a reader waits for the writer (only ever needed with a rollback journal)."""


def read_run(path: Path) -> Trace:
    """The trace in the run file at `path`, as far as it has been written.

    Raises:
        RunFileError: There is no readable run file at `path`; the message says why.
    """
    with _opened(Path(path)) as connection:
        trace = from_json(Trace, _named(connection, "progress"))
        snapshots, losses = _snapshots(connection), _losses(connection)
        # A killed run did not get round to noting its last steps; what it stored tells of them.
        seen = max([trace.steps, *(s.step for s in snapshots), *losses.steps.tolist()])
        return dataclasses.replace(
            trace,
            snapshots=snapshots,
            losses=losses,
            steps=seen,
            info=from_json(RunInfo, _named(connection, "environment")),
        )


def read_findings(path: Path) -> tuple[Finding, ...]:
    """What was found when the run ended; empty for a run that was killed or is still going on.

    Raises:
        RunFileError: There is no readable run file at `path`; the message says why.
    """
    with _opened(Path(path)) as connection:
        rows = connection.execute("SELECT body FROM findings ORDER BY number").fetchall()
        return tuple(from_json(Finding, json.loads(body)) for (body,) in rows)


def _named(connection: sqlite3.Connection, table: str) -> dict[str, Any]:
    rows = connection.execute(f"SELECT name, value FROM {table}")
    return {name: json.loads(value) for name, value in rows}


def _snapshots(connection: sqlite3.Connection) -> tuple[Snapshot, ...]:
    graphs = {
        digest: from_json(Graph, decompress(body))
        for digest, body in connection.execute("SELECT hash, body FROM graphs")
    }
    rows = connection.execute("SELECT graph, body, arrays FROM snapshots ORDER BY number")
    return tuple(unpack(body, arrays, graphs[digest]) for digest, body, arrays in rows)


def _losses(connection: sqlite3.Connection) -> LossCurve:
    rows = connection.execute('SELECT steps, "values", streams FROM losses ORDER BY number')
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    steps, values, streams = (
        np.frombuffer(b"".join(chunks), kind).astype(kind[1:])
        for chunks, kind in zip(columns, ("<i8", "<f8", "<i8"), strict=True)
    )
    return LossCurve(steps, values, streams)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that sees one moment of the run, whatever is written meanwhile."""
    try:
        with closing(_connect(path)) as connection, closing(_current(connection, path)) as run:
            yield run
    except (sqlite3.Error, zlib.error, ValueError, KeyError, TypeError) as error:
        raise RunFileError(
            f"The run file {path} cannot be read ({type(error).__name__}: {error}): it is damaged "
            "or incomplete. A copy of a run that was going on or was killed needs the files "
            "ending in -wal and -shm beside it; copy them too, or run the training again."
        ) from error


def _current(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    try:
        return current(connection)
    except RunFileError as error:
        raise RunFileError(f"The run file {path} cannot be read. {error}") from None


def _connect(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise RunFileError(
            f"There is no run file {path}. Check the path; a run file is made by "
            "`lifesigns run --save FILE SCRIPT`."
        )
    if path.stat().st_size == 0:
        raise RunFileError(f"The run file {path} is empty: its run was killed as it began.")
    try:
        return _begin(path, "mode=ro")
    except sqlite3.OperationalError:
        # A kill can leave a rollback journal behind, which only a writer may play back; a read-only
        # folder has no room for the locks of a log, and without journals needs none.
        journals = [path.with_name(path.name + end).exists() for end in ("-wal", "-journal")]
        return _begin(path, "mode=rw" if any(journals) else "mode=ro&immutable=1")


def _begin(path: Path, query: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{query}"
    connection = sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None)
    try:
        connection.execute("BEGIN")
        if is_run_file(connection):
            return connection
    except sqlite3.Error as error:
        connection.close()
        if "not a database" not in str(error):
            raise
    connection.close()
    raise RunFileError(f"{path} is not a run file of lifesigns. Give a file made with --save.")
