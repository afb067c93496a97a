"""Run files to write, read and spoil."""

import sqlite3
from contextlib import closing

from lifesigns.records import RunInfo, SiteReading
from lifesigns.rules.testing import chain, snapshot, sums
from lifesigns.store import RunWriter

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
