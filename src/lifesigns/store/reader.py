"""Opens a run file, finished or being written or left behind by a kill, and never changes it."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lifesigns._errors import RunFileError, cut
from lifesigns._files import why_unreadable
from lifesigns.records import Finding, Graph, LossCurve, RunInfo, Snapshot, Trace, from_json
from lifesigns.records.kept import size_of
from lifesigns.store.columns import unpack_losses
from lifesigns.store.folded import unfold
from lifesigns.store.loss_rows import joined
from lifesigns.store.packing import decompress, decompressed, unpack
from lifesigns.store.schema import current, is_run_file

PATIENCE = 4.0
"""Seconds a reader waits for the writer (only ever needed with a rollback journal)."""
EFFORT = 1_000_000
"""Instructions of SQLite between two looks at how long it works; a row takes about ten."""
BATCH = 16
"""Snapshots read at once; between two batches the file is not held, and its writer can go on.

A writer without a write-ahead log waits for readers, and gives up when too many of its rows wait.
"""
AT_ONCE = 32 << 20
"""Bytes in memory of snapshots after which no more are read at once."""
BESIDE = ("-wal", "-shm", "-journal")
OF_SEVERAL = bytes.fromhex("d9d505f920a163d7")
"""Ends a journal that names a second file, which SQLite would delete. Ours never do.

Source: https://www.sqlite.org/fileformat2.html, and `pager_delsuper` in SQLite's pager.c.
"""


def read_run(path: Path) -> Trace:
    """The trace in the run file at `path`, as far as it has been written.

    Args:
        path: The file may still be written to; it is not changed.

    Raises:
        RunFileError: There is no readable run file at `path`; the message says why.
    """
    with opened(Path(path)) as connection:
        graphs = Graphs(connection)
        snapshots = tuple(snapshot for _, snapshot in snapshots_of(connection, graphs))
        return dataclasses.replace(_progress(connection), snapshots=snapshots)


def read_progress(path: Path) -> Trace:
    """How far the run in the file at `path` has come: the trace without its snapshots.

    Cost: that of its losses, 24 bytes a step, however much was recorded.

    Args:
        path: The file may still be written to; it is not changed.

    Raises:
        RunFileError: There is no readable run file at `path`; the message says why.
    """
    with opened(Path(path)) as connection:
        return _progress(connection)


def read_snapshots(path: Path, after: int = -1) -> Iterator[tuple[int, Snapshot]]:
    """The snapshots of a run in order, each with its number; few of them are in memory at once.

    Args:
        path: The file may still be written to; it is not changed.
        after: Only those with a higher number; they are numbered from 1 on.

    Raises:
        RunFileError: There is no readable run file at `path`; the message says why. It is raised
            when a snapshot is asked for.
    """
    with opened(Path(path)) as connection:
        graphs = Graphs(connection)
        while batch := list(
            up_to(snapshots_of(connection, graphs, f"number > {after}", BATCH), AT_ONCE)
        ):
            if connection.in_transaction:
                connection.execute("COMMIT")
            yield from batch
            connection.execute("BEGIN")
            if batch[-1][0] <= after:
                raise ValueError(f"snapshot {batch[-1][0]} follows after {after}")
            after = batch[-1][0]


def read_findings(path: Path) -> tuple[Finding, ...]:
    """What was found when the run ended; empty for a run that was killed or is still going on.

    Args:
        path: The file may still be written to; it is not changed.

    Returns:
        Most important first.

    Raises:
        RunFileError: There is no readable run file at `path`; the message says why.
    """
    with opened(Path(path)) as connection:
        rows = rows_of(connection, "SELECT body FROM findings ORDER BY number")
        return tuple(from_json(Finding, json.loads(body)) for (body,) in rows)


def named(connection: sqlite3.Connection, table: str) -> dict[str, Any]:
    """What a table holds by name, as plain JSON values.

    Args:
        connection: To a run file.
        table: `environment` or `progress`.
    """
    rows = rows_of(connection, f"SELECT name, value FROM {table}")
    return {name: json.loads(value) for name, value in rows}


def _progress(connection: sqlite3.Connection) -> Trace:
    trace, losses = from_json(Trace, named(connection, "progress")), losses_of(connection)
    last = "SELECT step FROM snapshots ORDER BY number DESC LIMIT 1"
    recorded = [step for (step,) in rows_of(connection, last)]
    return dataclasses.replace(
        trace,
        losses=losses,
        # A killed run did not get round to noting its last steps; what it stored tells of them.
        steps=max([trace.steps, *recorded, int(losses.steps.max(initial=0))]),
        info=from_json(RunInfo, named(connection, "environment")),
    )


class Graphs:
    """The graphs of a run file, each unpacked once.

    Args:
        connection: To the run file.
        known: Those that were unpacked through an earlier connection.
    """

    def __init__(
        self, connection: sqlite3.Connection, known: dict[bytes, Graph] | None = None
    ) -> None:
        self._connection = connection
        self._known = {} if known is None else known
        self._structures: dict[bytes, str] = {}

    def structure(self, digest: bytes) -> str:
        """The text with holes that snapshots of a folded run share.

        Args:
            digest: As the snapshot names it.
        """
        if digest not in self._structures:
            query = "SELECT body FROM structures WHERE hash = ?"
            ((body,),) = rows_of(self._connection, query, digest)
            self._structures[digest] = decompressed(body)
        return self._structures[digest]

    def __getitem__(self, digest: bytes) -> Graph:
        if digest not in self._known:
            query = "SELECT body FROM graphs WHERE hash = ?"
            ((body,),) = rows_of(self._connection, query, digest)
            self._known[digest] = _joined_up(from_json(Graph, decompress(body)))
        return self._known[digest]


def _joined_up(graph: Graph) -> Graph:
    """The graph, if its edges join sites that it has."""
    sites = range(len(graph.sites))
    if any(a not in sites or b not in sites for a, b in graph.edges):
        raise ValueError(f"an edge between other sites than the {len(sites)} of its graph")
    return graph


def snapshots_of(
    connection: sqlite3.Connection, graphs: Graphs, which: str = "1", most: int = -1
) -> Iterator[tuple[int, Snapshot]]:
    """Snapshots with their numbers, in order.

    Args:
        connection: To a run file.
        graphs: Of the same file.
        which: A condition of SQL on the columns of the table.
        most: How many at most; -1 for all.
    """
    columns = f"SELECT number, graph, body, arrays, structure FROM snapshots WHERE {which}"
    rows = rows_of(connection, f"{columns} ORDER BY number LIMIT {most}")
    for number, digest, body, arrays, structure in rows:
        if structure:
            yield number, unfold(body, arrays, graphs.structure(structure), graphs[digest])
        else:
            yield number, unpack(body, arrays, graphs[digest])


def up_to(snapshots: Iterator[tuple[int, Snapshot]], most: int) -> Iterator[tuple[int, Snapshot]]:
    """Snapshots until those told take so much memory; the first is told in any case.

    Args:
        snapshots: As `snapshots_of` tells them, each made when it is asked for.
        most: Bytes.
    """
    taken = 0
    for number, snapshot in snapshots:
        yield number, snapshot
        taken += size_of(snapshot)
        if taken >= most:
            return


def losses_of(connection: sqlite3.Connection) -> LossCurve:
    """The losses of every step.

    Args:
        connection: To a run file.
    """
    return joined(part for _, part in loss_rows_of(connection))


def loss_rows_of(connection: sqlite3.Connection, after: int = 0) -> Iterator[tuple[int, LossCurve]]:
    """The losses of each row, with its number, in order.

    Args:
        connection: To a run file.
        after: Number of the row from which on they are told.
    """
    columns = 'SELECT number, form, steps, "values", streams FROM losses'
    for number, *row in rows_of(connection, f"{columns} WHERE number > {after} ORDER BY number"):
        yield number, unpack_losses(*row)


def rows_of(connection: sqlite3.Connection, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
    """The rows of a query, as long as they can be what the file holds.

    A damaged file can lead to the same page again and again.

    Args:
        connection: To a run file.
        query: SQL.
        values: For the question marks in it.
    """
    (pages,), (size,) = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size")
    )
    left = pages * size
    for row in connection.execute(query, values):
        left -= 1 + sum(len(value) for value in row if isinstance(value, str | bytes))
        if left < 0:
            raise ValueError(f"more than the {pages * size:,} bytes of the file are in its rows")
        yield row


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that sees one moment of the run, whatever is written meanwhile.

    Args:
        path: Of a run file.

    Raises:
        RunFileError: There is no readable run file at `path`; the message says why.
    """
    try:
        with _connected(path) as connection, closing(_current(connection, path)) as run:
            yield run
    except (sqlite3.Error, zlib.error, ArithmeticError, LookupError, OSError, RecursionError,
            TypeError, ValueError) as error:  # fmt: skip
        if "locked" in str(error):
            raise RunFileError(
                f"The run file {path} is locked by the program that writes it. Try again."
            ) from error
        raise RunFileError(
            f"The run file {path} cannot be read ({type(error).__name__}: {cut(str(error))}): it "
            "is damaged or incomplete. A copy of a run that was going on or was killed needs the "
            "files ending in -wal and -shm beside it; copy them too, or run the training again."
        ) from error


def _current(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    try:
        return current(connection)
    except RunFileError as error:
        raise RunFileError(f"The run file {path} cannot be read. {error}") from None


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    _refuse_other_files(path)
    connection: sqlite3.Connection | None
    try:
        connection = _begin(path, "mode=ro")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise
        # A read-only folder has no room for the locks of a log; without journals none are needed.
        journals = any(_beside(path, end).exists() for end in ("-wal", "-journal"))
        connection = None if journals else _begin(path, "mode=ro&immutable=1")
    if connection is None:
        with _played_back(path) as copy:
            yield copy
    else:
        with closing(connection):
            yield connection


def _refuse_other_files(path: Path) -> None:
    reason = why_unreadable(path)
    if reason:
        raise RunFileError(
            f"There is no run file {path}: it {reason}. Check the path; a run file is made by "
            "`lifesigns run --save FILE SCRIPT`."
        )
    if path.stat().st_size == 0:
        raise RunFileError(f"The run file {path} is empty: its run was killed as it began.")
    for beside in (_beside(path, end) for end in BESIDE):
        if beside.exists() and why_unreadable(beside):
            raise RunFileError(f"{beside} {why_unreadable(beside)}; it is no journal of a run.")


@contextmanager
def _played_back(path: Path) -> Iterator[sqlite3.Connection]:
    """A copy: a kill can leave a journal behind, which only a writer may play back."""
    with TemporaryDirectory(prefix="lifesigns-") as folder:
        for end in ("", "-wal", "-journal"):
            if _beside(path, end).exists():
                shutil.copyfile(_beside(path, end), Path(folder, path.name + end))
        journal = Path(folder, path.name + "-journal")
        if journal.exists() and journal.read_bytes().endswith(OF_SEVERAL):
            raise RunFileError(f"{_beside(path, '-journal')} is no journal of a run.")
        with closing(_begin(Path(folder, path.name), "mode=rw")) as connection:
            yield connection


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def _begin(path: Path, query: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{query}"
    connection = sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None)
    try:
        connection.set_progress_handler(_Effort(path.stat().st_size), EFFORT)
        connection.execute("BEGIN")
        if is_run_file(connection):
            return connection
    except sqlite3.Error as error:
        connection.close()
        if "not a database" not in str(error):
            raise
    connection.close()
    raise RunFileError(f"{path} is not a run file of lifesigns. Give a file made with --save.")


class _Effort:
    """Interrupts SQLite when it works longer than a file of this size can take."""

    def __init__(self, size: int) -> None:
        self._left = 10 + size // EFFORT

    def __call__(self) -> bool:
        self._left -= 1
        return self._left < 0
