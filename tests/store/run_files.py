"""Run files to write, read and spoil."""

import sqlite3
from contextlib import closing

import numpy as np

from lifesigns.records import RunInfo, SiteReading
from lifesigns.rules.testing import chain, snapshot, sums
from lifesigns.store import RunWriter, read_run, schema
from lifesigns.store.columns import CURVE

GRAPH = chain("linear", "relu")


def example(step=0, graph=GRAPH):
    return snapshot(graph, step=step, sites=[SiteReading(1, sums([[0.0, 1.5], [2.0, 3.0]]))])


def finished_run(path, steps=3):
    with RunWriter(path, RunInfo("train.py")) as writer:
        for step in range(steps):
            writer.append(example(step))
    return path


def rows(path, query):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def change(path, *statements):
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def as_version_1(path):
    """Makes the file what the first version would have written."""
    curve = read_run(path).losses
    raw = [np.asarray(c, k).tobytes() for c, k in zip(vars(curve).values(), CURVE, strict=True)]
    snapshots, losses = schema.OLDER[1][-2:]
    kept = "number, step, stream, reason, graph, body, arrays"
    change(
        path,
        "UPDATE schema SET version = 1",
        "DROP TABLE structures",
        "DROP TABLE losses",
        losses,
        "ALTER TABLE snapshots RENAME TO newer",
        snapshots,
        f"INSERT INTO snapshots SELECT {kept} FROM newer",
        "DROP TABLE newer",
    )
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO losses VALUES (1, ?, ?, ?)", raw)
    return path
