"""Makes the file of a run that has ended small: what was found is stored, so less is needed.

As long as a run goes on its file holds all that a rule may ask for, since it may be killed, and is
judged from its file then.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np

from lifesigns.records import Graph, Snapshot
from lifesigns.store.folded import Folded, fold, light
from lifesigns.store.packing import compress, unpack
from lifesigns.store.schema import Row, execute, transaction

RATE = 10
"""Bytes that each recorded step may take for each site: 1 MB for 1,000 steps of 100 sites."""
FLOOR = 1_000_000
"""Bytes that any run may take."""
LEAST = 8
"""Snapshots that stay whole, and of each kind, whatever they take."""
PAGE = 512
"""Bytes of a page of SQLite in a small file: on average each row wastes half of one."""
TABLES = 40_000
"""Bytes of the tables themselves, of names, versions and findings."""
EDGE = 4
"""First steps that always stay: there the initialisation shows."""


class Stored(NamedTuple):
    """A snapshot in the file."""

    number: int
    step: int
    is_notable: bool
    light: Folded | None = None
    """What takes its place where there is no room for it; None of one that is small anyway."""


@dataclass(frozen=True)
class Amount:
    """How many snapshots a file keeps."""

    whole: int
    light: int


def most_bytes(recorded: int, sites: int, others: int) -> int:
    """Bytes that the snapshots of a run may take when it has ended.

    Args:
        recorded: Its recorded steps.
        sites: Of its network.
        others: Bytes of everything else in the file; at least half is left for snapshots.

    Example:
        >>> most_bytes(1_000, 100, 300_000), most_bytes(10, 5, 2_000_000)
        (660000, 500000)
    """
    most = max(FLOOR, RATE * recorded * sites)
    return max(most - others - TABLES, most // 2)


def fold_run(
    connection: sqlite3.Connection, stored: Sequence[Stored], whole: Sequence[Stored], most: int
) -> None:
    """Folds all snapshots, and leaves out what is too much, all in one transaction.

    Args:
        connection: Of the writer, in autocommit mode.
        stored: All snapshots in the file, in order.
        whole: Those of them that are not light.
        most: Bytes that they may take.

    Cost: reading and packing again what stays, about a second for 100 sites.
    """
    amount = _affordable(connection, whole, len(stored), most)
    stays_whole = {one.number for one in _spread(whole, amount.whole)}
    kept = stays_whole | {one.number for one in _spread(stored, amount.light)}
    becomes_light = kept & {one.number for one in whole} - stays_whole
    with transaction(connection):
        for one in stored:
            if one.number not in kept:
                connection.execute("DELETE FROM snapshots WHERE number = ?", (one.number,))
            elif one.number in stays_whole:
                execute(connection, folded_rows(one.number, fold(_read(connection, one.number))))
            elif one.number in becomes_light:
                small = one.light or fold(light(_read(connection, one.number)))
                execute(connection, folded_rows(one.number, small))
        connection.execute("DELETE FROM graphs WHERE hash NOT IN (SELECT graph FROM snapshots)")


def folded_rows(number: int, folded: Folded) -> list[Row]:
    """What puts a folded snapshot in the place of the one that was written.

    Args:
        number: Of the snapshot.
        folded: Itself, whole or light.
    """
    structure = (folded.digest, compress(folded.structure))
    return [
        ("INSERT OR IGNORE INTO structures VALUES (?, ?)", structure),
        (
            "UPDATE snapshots SET body = ?, arrays = ?, structure = ? WHERE number = ?",
            (folded.body, folded.arrays, folded.digest, number),
        ),
    ]


def shrink(connection: sqlite3.Connection) -> None:
    """Gives the space of rows that are gone back to the disk.

    Args:
        connection: Of the writer, to a file without a log.
    """
    connection.execute(f"PRAGMA page_size = {PAGE}")
    connection.execute("VACUUM")


def _affordable(
    connection: sqlite3.Connection, whole: Sequence[Stored], count: int, most: int
) -> Amount:
    """How many whole and light snapshots there is room for, by what three of them take.

    A third is spent on light ones, which show how the run went; the rest on whole ones.
    """
    samples = [_read(connection, whole[i].number) for i in (0, len(whole) // 2, -1)]
    large, small = _size(samples, fold), _size(samples, lambda one: fold(light(one)))
    lights = min(count, max(LEAST, most // (3 * small)))
    wholes = max(LEAST, (most - lights * small) // max(1, large - small))
    if wholes >= lights or count * large <= most:  # light ones are hardly smaller, or not needed
        return Amount(max(LEAST, most // large), 0)
    return Amount(wholes, lights)


def _size(samples: Sequence[Snapshot], packed: Callable[[Snapshot], Folded]) -> int:
    return PAGE // 2 + int(1.02 * max(packed(one).size for one in samples))


def _read(connection: sqlite3.Connection, number: int) -> Snapshot:
    query = "SELECT body, arrays FROM snapshots WHERE number = ?"
    ((body, arrays),) = connection.execute(query, (number,)).fetchall()
    return unpack(body, arrays, Graph())


def _spread(stored: Sequence[Stored], most: int) -> list[Stored]:
    """At most so many: the first, the latest, the notable ones, and evenly spaced ones between.

    The snapshots of one step stay together, so that it can be more by those of one step.

    Args:
        stored: In order.
        most: At least 1.
    """
    steps = [list(group) for _, group in groupby(stored, lambda one: one.step)]
    count = max(1, most * len(steps) // len(stored)) if stored else 0
    if count >= len(steps):
        return [one for step in steps for one in step]
    fixed = set(range(len(steps))[-max(1, count // 4) :]) | set(range(min(EDGE, count // 2)))
    notable = [i for i, step in enumerate(steps) if any(one.is_notable for one in step)]
    fixed |= set(notable[: max(0, count // 4)])
    others = [i for i in range(len(steps)) if i not in fixed]
    left = max(0, count - len(fixed))
    even = np.linspace(0, len(others), left, endpoint=False).astype(int)
    chosen = sorted(fixed | {others[i] for i in even})
    return [one for i in chosen for one in steps[i]]
