"""What a run file holds that was not there when it was read before: the cost is that of the news.

A page that follows a run asks twice a second. What was told once is not read again, and what did
not change is not opened.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from sqlite3 import Connection

from lifesigns.records import Finding, Graph, LossCurve, Snapshot, Trace, from_json
from lifesigns.store import reader
from lifesigns.store.loss_rows import ENOUGH, joined
from lifesigns.store.reader import (
    Graphs,
    loss_rows_of,
    named,
    opened,
    rows_of,
    snapshots_of,
    up_to,
)
from lifesigns.store.writing import is_abandoned

MOST = 64
"""Snapshots that are read at once, and of large networks fewer (`reader.AT_ONCE`): the file is not
held for longer, nor is more kept in memory."""
MOST_ROWS = 2 * ENOUGH
"""Rows of losses that are remembered: a row has the losses of at most `ENOUGH` others."""
SETTLING = 2.0
"""Seconds in which a file may change again without its time of change showing it."""

Stamp = tuple[tuple[int, int, int] | None, ...]
"""Of the file and of the log beside it: which it is, when it changed, how long it is."""


@dataclass(frozen=True)
class News:
    """What was written since; empty where nothing was."""

    state: Trace
    """How far the run has come, without snapshots and losses."""
    snapshots: tuple[tuple[int, Snapshot], ...] = ()
    """Each with its number in the file."""
    losses: LossCurve = field(default_factory=LossCurve)
    findings: tuple[Finding, ...] = ()
    """Those of a run that has ended."""
    latest: int = 0
    """Number of the last snapshot in the file; those up to it that are missing here come next."""


class NewsReader:
    """Reads a run file as it grows, each row once.

    Args:
        path: The run file; it is opened read-only, and only for the moment of reading.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(path)
        self._graphs: dict[bytes, Graph] = {}
        self._number = self._losses = 0
        self._counts = {0: 0}
        self._stamp: Stamp = ()
        self._looked = 0.0

    def may_have_news(self) -> bool:
        """Whether the file changed since the last `read`. Costs two looks at the folder."""
        stamp = _stamp(self._path)
        newest = max((entry[1] for entry in stamp if entry), default=0)
        return stamp != self._stamp or self._looked - newest / 1e9 < SETTLING

    def is_replaced(self) -> bool:
        """Whether another file lies in the place of the one that was read."""
        now = _look(self._path)
        return bool(self.file) and now is not None and now[0] != self.file

    @property
    def file(self) -> int:
        """Which file was read, as its file system numbers it; 0 before that."""
        return self._stamp[0][0] if self._stamp and self._stamp[0] else 0

    def read(self) -> News:
        """Everything that was written since the last call, or its beginning if that is long.

        Raises:
            RunFileError: There is no readable run file any more.
        """
        stamp, now = _stamp(self._path), time.time()
        with opened(self._path) as connection:
            news = self._read(connection)
        self._stamp, self._looked = stamp, now
        return news

    def is_abandoned(self) -> bool:
        """Whether nobody writes the file any more; not to be asked while `read` is going on."""
        return is_abandoned(self._path)

    def _read(self, connection: Connection) -> News:
        state = from_json(
            Trace, {**named(connection, "progress"), "info": named(connection, "environment")}
        )
        graphs = Graphs(connection, self._graphs)
        unread = snapshots_of(connection, graphs, f"number > {self._number}", MOST)
        snapshots = tuple(up_to(unread, reader.AT_ONCE))
        losses, counts = self._new_losses(connection)
        bodies = rows_of(connection, "SELECT body FROM findings ORDER BY number")
        news = News(
            state,
            snapshots,
            losses,
            tuple(from_json(Finding, json.loads(body)) for (body,) in bodies),
            latest=_last(connection, "snapshots"),
        )
        # Only now: what could not be read is read again.
        self._note_losses(counts)
        self._number = snapshots[-1][0] if snapshots else self._number
        return news

    def _new_losses(self, connection: Connection) -> tuple[LossCurve, dict[int, int]]:
        """Losses that were not told, and how many there are up to each row.

        The row that was told last may have become part of a later one.
        """
        stays = _last(connection, "losses", self._losses)
        count, told, parts, counts = self._counts[stays], self._counts[self._losses], [], {}
        for number, part in loss_rows_of(connection, self._losses):
            parts.append(part)
            count = counts[number] = count + len(part.steps)
        new = joined(parts)
        first = told - self._counts[stays]
        return LossCurve(new.steps[first:], new.values[first:], new.streams[first:]), counts

    def _note_losses(self, counts: dict[int, int]) -> None:
        self._counts.update(counts)
        self._losses = max(counts, default=self._losses)
        while len(self._counts) > MOST_ROWS:
            del self._counts[next(iter(self._counts))]


def _last(connection: Connection, table: str, most: int = 2**62) -> int:
    """Number of the last row, or of the last up to a number."""
    query = f"SELECT max(number) FROM {table} WHERE number <= {most}"
    return connection.execute(query).fetchone()[0] or 0


def _stamp(path: Path) -> Stamp:
    return tuple(_look(path.with_name(path.name + end)) for end in ("", "-wal"))


def _look(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
