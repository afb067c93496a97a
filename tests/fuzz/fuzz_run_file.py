"""Run files, as `lifesigns show` reads them: `python tests/fuzz/fuzz_run_file.py -n 100000`."""

import io
import json
import re
import sqlite3
import zlib
from contextlib import closing, redirect_stdout, suppress
from dataclasses import replace

import numpy as np
from driver import Target, main

from lifesigns.commands.show import show
from lifesigns.records import LossCurve, ParameterReading, RunInfo, SiteReading
from lifesigns.rules import judge
from lifesigns.rules.testing import chain, snapshot, sums
from lifesigns.store import RunWriter, read_run

GRAPH = chain("linear", "relu", "linear", units=4)
VALUES = (
    None, 0, -1, 2**63 - 1, 10**30, 1.5, 1e308, "", "nan", "\x1b[2J\x1b]0;x\x07", "x" * 3000, True,
    [], {},
    [[]], {"a": 1}, [1, 2], "running", "finished", float("nan"), [[[1]]], "\u202e",
    {"sums": [0, 9]},
    {"sums": [0, 4]}, {"dtype": "<f8", "shape": [2**40], "data": ""},
    {"dtype": "O", "shape": [], "data": ""},
)  # fmt: skip
CELLS = (
    None, 0, -1, 2**62, 1.5, "", "x", b"", b"\0" * 9, b"\xff" * 64, "[" * 3000, "3" * 5000,
    "\x1b[2J", "{}",
    "[]", "null", zlib.compress(b"0" * 2_000_000), zlib.compress(b"[" * 5000), zlib.compress(b"{}"),
)  # fmt: skip
STATEMENTS = (
    "DROP TABLE {table}",
    "DELETE FROM {table}",
    "ALTER TABLE {table} RENAME TO other",
    "DROP TABLE {table}; CREATE VIEW {table} AS WITH RECURSIVE c(name) AS (SELECT 1 UNION ALL "
    "SELECT name + 1 FROM c) SELECT name, name value, name number, name hash, name body, "
    "name version FROM c",
    "DROP TABLE {table}; CREATE TABLE {table} (name, value AS (zeroblob(900000000)))",
    "DROP TABLE {table}; CREATE TABLE {table} (version, name, value, hash, body)",
    "UPDATE schema SET version = 'x'",
    "UPDATE schema SET version = 99",
    "UPDATE schema SET version = 0",
    "DELETE FROM schema",
    "PRAGMA application_id = 3",
    "PRAGMA journal_mode = wal",
)
TABLES = {
    "environment": ("name", "value"),
    "progress": ("name", "value"),
    "graphs": ("hash", "body"),
    "snapshots": ("number", "step", "stream", "reason", "graph", "body", "arrays"),
    "losses": ("number", "steps", "values", "streams"),
    "findings": ("number", "rule", "body"),
}


def saved(folder, outcome):
    path = folder / "run.ls"
    values = np.maximum(np.linspace(-1, 1, 32).reshape(8, 4), 0)
    with RunWriter(path, RunInfo("train.py", versions={"torch": "2"})) as writer:
        for step in range(3):
            sites = [SiteReading(1, sums(values), sums(values), None)]
            weight = ParameterReading("0.weight", (4, 4), weight_rms=0.1, gradient_rms=0.0)
            writer.append(snapshot(GRAPH, step=step, sites=sites, parameters=[weight]))
        writer.losses(LossCurve(np.arange(30), np.linspace(2, 1, 30), np.zeros(30, np.int64)))
        trace = read_run(path)
        writer.progress(replace(trace, steps=30, optimizers=("SGD",), unseen=("a part",)))
        if outcome:
            writer.finish(judge(trace), outcome, cost=trace.cost, steps=30)
    data = path.read_bytes()
    path.unlink()
    return data


def examples(folder):
    return [saved(folder, outcome) for outcome in ("", "finished", "failed: ValueError")]


def damage(random, data):
    """Rows, the JSON in them, and tables changed by a connection of SQLite."""
    if not hasattr(sqlite3.Connection, "serialize"):  # new in Python 3.11
        return data
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript(dump(data))
        for _ in range(random.choice((1, 1, 2, 4))):
            random.choice((cell, inside, inside))(random, connection)
        if random.random() < 0.2:
            with suppress(sqlite3.Error):  # what the next version of SQLite refuses to make
                statement(random, connection)
        return connection.serialize()


_dumps = {}


def dump(data):
    """The statements that make the database, and its mark, which is not among them."""
    if data not in _dumps:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.deserialize(data)
            number = connection.execute("PRAGMA application_id").fetchone()[0]
            _dumps[data] = "\n".join(connection.iterdump()) + f"PRAGMA application_id = {number};"
    return _dumps[data]


def statement(random, connection):
    table = random.choice(("schema", *TABLES))
    connection.executescript(random.choice(STATEMENTS).format(table=table))


def cell(random, connection):
    table = random.choice(tuple(TABLES))
    column = random.choice(TABLES[table])
    with suppress(sqlite3.Error):  # a NULL or a text where the table allows none
        connection.execute(f'UPDATE {table} SET "{column}" = ?', (random.choice(CELLS),))


def inside(random, connection):
    """Something in the JSON of a row."""
    table = random.choice(tuple(TABLES))
    column = "value" if "value" in TABLES[table] else "body"
    if column not in TABLES[table]:
        return
    rows = connection.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
    if not rows:
        return
    number, stored = random.choice(rows)
    packed = isinstance(stored, bytes)
    try:
        value = json.loads(zlib.decompress(stored) if packed else stored)
        if table == "snapshots" and random.random() < 0.8:
            value["snapshot"] = json.dumps(changed(random, json.loads(value["snapshot"])))
        else:
            value = changed(random, value)
    except (ValueError, TypeError, LookupError, zlib.error, RecursionError):
        return  # damaged before
    text = json.dumps(value)
    stored = zlib.compress(text.encode()) if packed else text
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (stored, number))


def changed(random, value):
    """The value with one thing in it another one, lost, or doubled."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        key = random.choice(list(value))
        if random.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: changed(random, value[key])}
    if isinstance(value, list) and value and random.random() < 0.9:
        place = random.randrange(len(value))
        return [
            *value[:place],
            changed(random, value[place]),
            *value[place + random.randrange(2) :],
        ]
    return random.choice(VALUES)


def read(data, folder):
    path = folder / "run.ls"
    for file in folder.iterdir():
        file.unlink()
    path.write_bytes(data)
    try:
        out = io.StringIO()
        with redirect_stdout(out):
            show(path)
            show(path, json_output=True, sarif_path=folder / "run.sarif")
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", out.getvalue())
        assert "MemoryError" not in out.getvalue()  # of a rule, which becomes a note
    finally:
        assert path.read_bytes() == data, "the file was changed"


TARGET = Target("run file", examples, damage, read)

if __name__ == "__main__":
    main(TARGET)
