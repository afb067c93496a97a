"""Run files that somebody else made, or that were damaged on the way."""

import json
import os
import sqlite3
import zlib
from contextlib import closing

import numpy as np
import pytest

from lifesigns._errors import RunFileError
from lifesigns.records import LossCurve, RunInfo, SiteReading
from lifesigns.rules.testing import chain, snapshot, sums
from lifesigns.store import RunWriter, read_findings, read_run, reader

GRAPH = chain("linear", "relu")


@pytest.fixture
def path(tmp_path):
    """A finished run."""
    path = tmp_path / "run.ls"
    with RunWriter(path, RunInfo("train.py")) as writer:
        site = SiteReading(1, sums(np.ones((3, 4))))
        writer.append(snapshot(GRAPH, sites=[site]))
        writer.losses(LossCurve(np.arange(3), np.ones(3), np.zeros(3, np.int64)))
    return path


def change(path, script, *values):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (connection.execute if values else connection.executescript)(script, *values)


def body(path):
    """The head of the snapshot, and the structure in it."""
    with closing(sqlite3.connect(path)) as connection:
        ((stored,),) = connection.execute("SELECT body FROM snapshots").fetchall()
    head = json.loads(zlib.decompress(stored))
    return head, json.loads(head["snapshot"])


def put(path, head):
    change(path, "UPDATE snapshots SET body = ?", (zlib.compress(json.dumps(head).encode()),))


def refused(path, said):
    before = path.read_bytes()
    with pytest.raises(RunFileError, match=said):
        read_run(path)
    assert path.read_bytes() == before


# --- sizes ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("column", ["graphs SET body", "snapshots SET body"])
def test_what_unpacks_to_far_more_than_it_is_is_not_unpacked(path, column):
    change(path, f"UPDATE {column} = ?", (zlib.compress(b"[" + b"0," * 50_000_000 + b"0]"),))

    refused(path, "do not unpack to at most")


def test_units_are_taken_once(path):
    head, structure = body(path)
    structure["sites"] *= 2
    put(path, {**head, "snapshot": json.dumps(structure)})

    refused(path, "units 0 to 4 of 4 were taken before")


@pytest.mark.parametrize(
    ("field", "value"),
    [("units", -1), ("units", 2**40), ("units", 3), ("units", "4"), ("columns", ["O"] * 8),
     ("columns", ["<f8"]), ("columns", ["<M8[s]"] * 8), ("snapshot", 3)],
)  # fmt: skip
def test_columns_that_are_not_there_are_not_read(path, field, value):
    put(path, {**body(path)[0], field: value})

    refused(path, "damaged or incomplete")


def test_rows_cannot_hold_more_than_the_file(path, monkeypatch):
    class Circle(sqlite3.Connection):
        def execute(self, query, *values):
            rows = super().execute(query, *values)
            return iter([(bytes(9), bytes(90_000))] * 100) if "FROM graphs" in query else rows

    connect = sqlite3.connect
    monkeypatch.setattr(
        reader.sqlite3, "connect", lambda *a, **options: connect(*a, factory=Circle, **options)
    )

    refused(path, "of the file are in its rows")


# --- types and shapes -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", "'x'"), ("steps", "[]"), ("steps", "1.5"), ("steps", "true"), ("optimizers", "3"),
     ("optimizers", "[3]"), ("cost", "[1]"), ("unseen", '{"a": 1}'), ("steps", "[" * 5000),
     ("steps", "9" * 5000)],
)  # fmt: skip
def test_values_of_another_type_are_refused(path, name, value):
    change(path, "INSERT OR REPLACE INTO progress VALUES (?, ?)", (name, value))

    refused(path, "damaged or incomplete")


def test_losses_of_unequal_length_are_refused(path):
    three = bytes(24)
    change(path, "UPDATE losses SET steps = ?, \"values\" = ?, form = ''", (three, three))
    change(path, "UPDATE losses SET streams = ?", (bytes(8),))

    refused(path, "3 steps, 3 losses, 1 streams")


@pytest.mark.parametrize(
    "form",
    ["3 |u1 <f4", "4 |u1 <f4 |u1", "3 |u1 <f8 |u1", "3 |u1 |O |u1", "-3 |u1 <f4 |u1", "x |u1 <f4"],
)
def test_losses_of_another_form_are_refused(path, form):
    change(path, "UPDATE losses SET form = ?", (form,))

    refused(path, "damaged or incomplete")


def test_losses_that_unpack_to_far_more_than_they_are_are_not_unpacked(path):
    packed = zlib.compress(bytes(50_000_000))
    change(path, "UPDATE losses SET steps = ?, form = '50000000 |u1 <f4 |u1'", (packed,))

    refused(path, "do not unpack to")


# --- tables ---------------------------------------------------------------------------------------
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"


@pytest.mark.parametrize(
    "script",
    [
        f"DROP TABLE losses; CREATE VIEW losses AS {ENDLESS} SELECT x steps FROM c",
        f"DROP TABLE schema; CREATE VIEW schema AS {ENDLESS} SELECT max(x) version FROM c",
        "DROP TABLE progress; CREATE TABLE progress (name, value AS (zeroblob(900000000)))",
        "DROP TABLE findings",
    ],
)
def test_tables_that_are_not_those_of_a_run_are_refused(path, script):
    change(path, script)

    refused(path, "tables are not those of a run")
    with pytest.raises(RunFileError, match="tables are not"):
        read_findings(path)


def test_sqlite_is_interrupted_when_it_works_longer_than_the_file_can_take(path):
    count_for_ever = f"{ENDLESS} SELECT max(x) FROM c"

    with (
        closing(reader._begin(path, "mode=ro")) as connection,
        pytest.raises(sqlite3.OperationalError, match="interrupted"),
    ):
        connection.execute(count_for_ever).fetchone()


# --- what lies there ------------------------------------------------------------------------------
def test_pipes_and_folders_are_not_opened(tmp_path, path):
    os.mkfifo(tmp_path / "pipe")

    for place, said in [(tmp_path / "pipe", "no regular file"), (tmp_path, "is a folder")]:
        with pytest.raises(RunFileError, match=said):
            read_run(place)


@pytest.mark.parametrize("end", ["-journal", "-wal", "-shm"])
def test_a_pipe_in_the_place_of_a_journal_is_not_opened(path, end):
    os.mkfifo(path.with_name(path.name + end))

    refused(path, "no journal of a run")


def test_a_path_that_no_file_can_have_is_refused(tmp_path):
    with pytest.raises(RunFileError, match="cannot be looked at"):
        read_run(tmp_path / ("x" * 5000))


def test_a_file_that_is_locked_is_not_called_damaged(path, monkeypatch):
    monkeypatch.setattr(reader, "PATIENCE", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")

        refused(path, "is locked by the program that writes it")


def interrupted(path):
    """Leaves a journal to play back, as a kill in the middle of a write does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE losses SET steps = zeroblob(100000)")
        left = path.with_name("left.ls")
        left.write_bytes(path.read_bytes())
        journal = path.with_name(path.name + "-journal").read_bytes()
        left.with_name("left.ls-journal").write_bytes(journal)
    return left


def test_a_journal_is_played_back_in_a_copy(path):
    left = interrupted(path)
    journal = left.with_name("left.ls-journal")
    before = left.read_bytes(), journal.read_bytes()

    assert read_run(left).losses.steps.tolist() == [0, 1, 2]

    assert (left.read_bytes(), journal.read_bytes()) == before


def test_a_journal_that_names_another_file_is_not_played_back(path):
    left = interrupted(path)
    with left.with_name("left.ls-journal").open("ab") as journal:
        journal.write(reader.OF_SEVERAL)

    refused(left, "no journal of a run")
