"""Fills a run file while somebody trains: quick, never in the way, safe against a kill."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any
from weakref import ref

import numpy as np

from lifesigns._errors import RunFileError
from lifesigns._outputs import beside, put
from lifesigns.records import (
    Cost,
    EvaluationPass,
    Finding,
    Graph,
    Ints,
    Load,
    Loader,
    LossCurve,
    OwnLoad,
    ParameterReading,
    RateCurve,
    Rewind,
    RunInfo,
    Snapshot,
)
from lifesigns.records.trace import NO_RATES
from lifesigns.store.folded import fold, light
from lifesigns.store.keeping import LOG, Keeping, Stored, allowed, room
from lifesigns.store.lightening import light_rows, read_whole, shrink
from lifesigns.store.location import choose_journal, make_way
from lifesigns.store.loss_rows import LossRows
from lifesigns.store.packing import as_json, compress, pack
from lifesigns.store.schema import PAGE, Row, execute, lay_out, transaction

PATIENCE = 0.1
"""Seconds a training waits for a program that holds the file; then the write is put off."""

FAREWELL = 5.0
"""Seconds to wait for it when the run is over."""

NEVER = np.zeros(0, np.int64)
"""Steps of a run without evaluations."""

BACKLOG = 256
"""How many rows may be put off before the writer gives up."""

WASTE = PAGE // 2
"""Bytes that a row wastes on average: it has pages of its own."""
LEAST_PAGES, MOST_PAGES = 16, 2000
"""Of the log: when it has so many, it is written to the file, which waits for the disk."""


class RunWriter:
    """The one writer of a run file.

    Each call is one transaction, so a kill loses what was not handed over yet and nothing else. Any
    thread may call. In a forked child every call does nothing: the file belongs to the parent.

    Args:
        path: The new file. An older run file there is replaced, any other file is left alone.
        info: Where the trace comes from.

    Raises:
        UsageError: `path` is no place for a run file.
        RunFileError: The file cannot be made or written (no permission, disk full); every method
            raises it, and the writer may still be used or closed.

    Cost: about 1 ms per snapshot of a 20-layer MLP on a local disk.
    """

    def __init__(self, path: Path, info: RunInfo) -> None:
        self.path = Path(path)
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._snapshots = self._recorded = 0
        self._keeping = Keeping()
        self._shots: dict[int, ref[Snapshot]] = {}
        self._losses, self._graph_bytes, self._sites = LossRows(), 0, 0
        self._has_ended = False
        self.is_full = False
        """Whether others have to make room for each snapshot that comes."""
        self._pages = MOST_PAGES
        self._stored_graphs: set[bytes] = set()
        self._latest: dict[int, tuple[Graph, bytes]] = {}
        self._pending: list[Row] = []
        self._closed = False
        try:
            self._connection = _create(make_way(self.path), _named("environment", vars(info)))
        except (sqlite3.Error, OSError) as error:
            raise RunFileError(f"The run file {path} cannot be made: {error}.") from error

    def append(self, snapshot: Snapshot) -> None:
        """Store one snapshot; a graph that was stored before is referred to.

        Where it would be too much, others between the first and the latest make room.

        Args:
            snapshot: Of any stream; they are numbered in the order of the calls.
        """
        if self._forked:
            return
        body, arrays = pack(snapshot)
        with self._lock:
            self._snapshots += 1
            number, step = self._snapshots, int(snapshot.step)
            self._sites = max(self._sites, len(snapshot.graph.sites))
            rows, graph = self._graph_rows(snapshot)
            head = (number, step, snapshot.stream, snapshot.reason)
            size = len(body) + len(arrays) + WASTE
            self._shots[number] = ref(snapshot)
            rows += self._make_room(number, step, size, is_notable=snapshot.is_notable)
            self._limit_log(size)  # what has gone makes room for what comes
            self._write(*rows, _insert("snapshots", *head, graph, body, arrays, b""))

    def losses(self, curve: LossCurve) -> None:
        """Store the losses of the steps since the last call.

        Args:
            curve: One entry for each step and stream; only those that are new.
        """
        if self._forked:
            return
        with self._lock:
            self._write(*self._losses.add(curve))

    def progress(
        self,
        steps: int,
        cost: Cost,
        optimizers: tuple[str, ...],
        unseen: tuple[str, ...],
        severed: int = 0,
        *,
        rates: RateCurve = NO_RATES,
        unreached: tuple[ParameterReading, ...] = (),
        idle: tuple[str, ...] = (),
        recorded: int = 0,
        evaluated: Ints = NEVER,
        standing: tuple[str, ...] = (),
        loads: tuple[Load, ...] = (),
        rewind: Rewind | None = None,
        own_load: OwnLoad | None = None,
        rounded_eps: tuple[str, ...] = (),
        loaders: tuple[Loader, ...] = (),
        evaluations: tuple[EvaluationPass, ...] = (),
    ) -> None:
        """Note how far the run has come.

        Args:
            steps: Training steps seen so far, recorded or not.
            cost: What watching has cost so far.
            optimizers: Their class names.
            unseen: What could not be watched, in words.
            severed: Backward passes from a loss that no operation led to, as in `Trace.severed`.
            rates: Learning rates of the optimizers' groups, where they changed.
            unreached: Parameters that an optimizer holds and no graph contained.
            idle: Class names of optimizers that exist and have made no step.
            evaluated: Steps after which an evaluation began, as in `Trace.evaluated`.
            standing: Class names of copies that never changed, as in `Trace.standing`.
            loads: Checkpoints that did not fit, as in `Trace.loads`.
            rewind: The load of the initial weights, as in `Trace.rewind`.
            own_load: The load of tensors that are the network's own, as in `Trace.own_load`.
            rounded_eps: Optimizers whose eps is lost, as in `Trace.rounded_eps`.
            loaders: What was asked for batches, as in `Trace.loaders`.
            evaluations: The first passes of evaluations, as in `Trace.evaluations`.
            recorded: Steps that were recorded, whether or not all of their snapshots are kept.
        """
        state = {
            "steps": steps,
            "cost": cost,
            "optimizers": optimizers,
            "unseen": unseen,
            "severed": severed,
            "rates": rates,
            "unreached": unreached,
            "idle": idle,
            "recorded": recorded,
            "evaluated": evaluated,
            "standing": standing,
            "loads": loads,
            "rewind": rewind,
            "own_load": own_load,
            "rounded_eps": rounded_eps,
            "loaders": loaders,
            "evaluations": evaluations,
        }
        self._recorded = recorded
        self._write(*_named("progress", state))

    def finish(
        self, findings: tuple[Finding, ...], outcome: str, *, cost: Cost, steps: int
    ) -> None:
        """Store what was found and how the run ended; findings stored before are replaced.

        Of a run that ended the file becomes compact when it is closed.

        Args:
            findings: Most important first.
            outcome: How the run ended, in the words of `RunInfo.outcome`.
            cost: What watching has cost altogether.
            steps: Training steps altogether.
        """
        self._write(
            ("DELETE FROM findings", ()),
            *(_finding_row(number, finding) for number, finding in enumerate(findings)),
            *_named("environment", {"outcome": outcome}),
            *_named("progress", {"steps": steps, "cost": cost}),
        )
        self._has_ended = True

    def close(self) -> None:
        """Write what was put off and leave a single file without a journal beside it."""
        if self._forked or self._closed:
            return
        with self._lock:
            self._closed = True
            try:
                self._connection.execute(f"PRAGMA busy_timeout = {int(FAREWELL * 1000)}")
                if self._pending:
                    self._flush(last=True)
            finally:
                with suppress(sqlite3.Error):  # a reader may hold the file: the log stays then
                    self._connection.execute("PRAGMA busy_timeout = 0")
                    self._connection.execute("PRAGMA journal_mode = DELETE")
                    if self._has_ended and self.is_full:
                        shrink(self._connection)
                self._connection.close()

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _forked(self) -> bool:
        """Whether this is a child of the process that writes; its copy of the lock may be held."""
        return os.getpid() != self._process

    @property
    def _extent(self) -> tuple[int, int]:
        """Recorded steps and sites."""
        return max(self._recorded, self._keeping.recorded), self._sites

    def _make_room(self, number: int, step: int, size: int, *, is_notable: bool) -> list[Row]:
        """What becomes of other snapshots as this one comes, that takes so many bytes."""
        others = self._graph_bytes + self._losses.bytes
        left = room(*self._extent, others)
        lighter, gone = self._keeping.add(number, step, size, left, is_notable=is_notable)
        self.is_full |= bool(lighter or gone)
        rows = [_delete(one.number) for one in gone]
        rows += [row for one in lighter for row in self._light_rows(one, size)]
        for one in (*lighter, *gone):
            self._shots.pop(one.number, None)
        return rows

    def _limit_log(self, size: int) -> None:
        """Has the log written to the file early enough for what a snapshot of this size changes."""
        most = allowed(*self._extent) // LOG
        pages = min(MOST_PAGES, max(LEAST_PAGES, (most - size) // 2 // PAGE))
        if not 0.75 * self._pages <= pages <= 1.5 * self._pages:
            self._pages = pages
            with suppress(sqlite3.Error):
                self._connection.execute(f"PRAGMA wal_autocheckpoint = {pages}")
                self._connection.execute(f"PRAGMA journal_size_limit = {most}")

    def _light_rows(self, one: Stored, before: int) -> list[Row]:
        number = one.number
        try:
            shot = self._shots[number]() or read_whole(self._connection, number)
        except (sqlite3.Error, LookupError):  # its row waits for somebody who holds the file
            return [_delete(number)]
        folded = fold(light(shot))
        self._keeping.lighten(one, folded.size + WASTE, before)
        return light_rows(number, folded)

    def _graph_rows(self, snapshot: Snapshot) -> tuple[list[Row], bytes]:
        """Rows that store the snapshot's graph, if it is new, and the hash to refer to it by."""
        graph = snapshot.graph
        known, digest = self._latest.get(snapshot.stream, (None, b""))
        if digest and (known is graph or known == graph):
            return [], digest
        text = as_json(graph)
        digest = hashlib.sha256(text.encode()).digest()
        self._latest[snapshot.stream] = (graph, digest)
        if digest in self._stored_graphs:
            return [], digest
        self._stored_graphs.add(digest)
        body = compress(text)
        self._graph_bytes += len(body)
        return [_insert("graphs", digest, body)], digest

    def _write(self, *rows: Row) -> None:
        if self._forked:
            return
        with self._lock:
            self._pending.extend(rows)
            self._flush()

    def _flush(self, *, last: bool = False) -> None:
        """Write all pending rows in one transaction; if the file is locked, leave them pending."""
        try:
            _execute(self._connection, self._pending)
        except sqlite3.Error as error:
            if "locked" in str(error) and not last and len(self._pending) < BACKLOG:
                return
            self._forget_pending()
            raise RunFileError(
                f"The run file {self.path} cannot be written: {error}. What was stored before "
                "is safe; free space or permissions, or save to another disk."
            ) from error
        self._pending.clear()

    def _forget_pending(self) -> None:
        self._pending.clear()
        self._stored_graphs.clear()
        self._latest.clear()


def _create(path: Path, rows: list[Row]) -> sqlite3.Connection:
    """Make the file beside its place and put it there complete: a kill leaves nothing half made."""
    unfinished = beside(path)
    try:
        with closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = MEMORY")  # not even a kill leaves a journal
            lay_out(connection)
            _execute(connection, rows)
        put(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    # check_same_thread: backward runs in whatever thread the user's program likes; a lock guards.
    connection = sqlite3.connect(
        path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
    )
    try:
        choose_journal(connection, path)
        connection.execute("PRAGMA secure_delete = OFF")  # what goes is not written once more
    except BaseException:
        connection.close()
        raise
    return connection


def _execute(connection: sqlite3.Connection, rows: list[Row]) -> None:
    """Write rows in one transaction."""
    with transaction(connection):
        execute(connection, rows)


def _insert(table: str, *values: Any) -> Row:
    """A row under a key of our own choosing: writing it twice after an interrupt does no harm."""
    marks = ", ".join("?" * len(values))
    return f"INSERT OR REPLACE INTO {table} VALUES ({marks})", values


def _delete(number: int) -> Row:
    return "DELETE FROM snapshots WHERE number = ?", (number,)


def _named(table: str, values: Mapping[str, Any]) -> list[Row]:
    return [_insert(table, name, as_json(value)) for name, value in values.items()]


def _finding_row(number: int, finding: Finding) -> Row:
    head = (number, finding.rule, finding.code, finding.severity.value)
    return _insert("findings", *head, as_json(finding))
