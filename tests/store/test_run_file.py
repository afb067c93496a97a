"""A run file: its form, its locks, and who writes it."""

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from run_files import GRAPH, example, finished_run, rows

from lifesigns._errors import RunFileError
from lifesigns.records import LossCurve, RunInfo, SiteReading, to_json
from lifesigns.rules.testing import chain, snapshot, sums
from lifesigns.store import RunWriter, location, read_findings, read_run
from lifesigns.store.packing import pack, unpack

on_linux = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="asks /proc")


# --- form -----------------------------------------------------------------------------------------
def test_each_distinct_graph_is_stored_once(tmp_path):
    equal = chain("linear", "relu")
    graphs = [GRAPH, chain("linear", "tanh"), equal, chain("linear", "tanh")]
    with RunWriter(tmp_path / "run.ls", RunInfo()) as writer:
        for step, graph in enumerate(graphs):
            writer.append(example(step, graph))

    assert rows(tmp_path / "run.ls", "SELECT count(*) FROM graphs") == [(2,)]
    assert rows(tmp_path / "run.ls", "SELECT count(*) FROM snapshots") == [(4,)]


def test_sums_that_were_single_precision_take_a_third_of_their_size_in_memory():
    values = np.random.default_rng(0).random((16, 512), np.float32)
    single = sums(values.astype(np.float32))
    fields = {name: getattr(single, name).astype(np.float32) for name in ("total", "total_squared")}
    single = type(single)(**{**vars(single), **{n: f.astype(float) for n, f in fields.items()}})

    body, arrays = pack(snapshot(GRAPH, sites=[SiteReading(1, single)]))

    assert len(body) + len(arrays) < 512 * 8 * 8 / 3


def test_numbers_that_need_double_precision_keep_it():
    exact = snapshot(GRAPH, sites=[SiteReading(1, sums([[0.1, 1e150], [np.nan, -0.0]]))])

    assert to_json(unpack(*pack(exact), GRAPH)) == to_json(exact)


def test_numpy_scalars_left_in_a_record_are_stored_as_plain_numbers(tmp_path):
    untidy = snapshot(GRAPH, step=np.int64(3), reason=np.str_("spike"))
    with RunWriter(tmp_path / "run.ls", RunInfo()) as writer:
        writer.append(untidy)

    back = read_run(tmp_path / "run.ls").snapshots[0]

    assert (back.step, type(back.step), back.reason) == (3, int, "spike")


def test_a_finished_run_is_a_single_file(tmp_path):
    finished_run(tmp_path / "run.ls")

    assert [path.name for path in tmp_path.iterdir()] == ["run.ls"]


# --- journals and locks ---------------------------------------------------------------------------
def test_a_log_is_used_on_local_disks_and_a_rollback_journal_elsewhere(tmp_path, monkeypatch):
    modes = {}
    for system in ("ext4", "nfs4"):
        monkeypatch.setattr(location, "file_system", lambda folder, system=system: system)
        with RunWriter(tmp_path / system, RunInfo()):
            modes[system] = rows(tmp_path / system, "PRAGMA journal_mode")[0][0]

    assert modes["ext4"] == "wal"
    assert modes["nfs4"] in ("delete", "truncate")  # one is as good as the other for a newcomer


@on_linux
def test_the_file_system_of_a_folder_is_what_the_mount_table_says():

    assert location.file_system(Path("/proc")) == "proc"
    assert not location.is_local(Path("/proc"))


def test_where_sqlite_refuses_a_log_the_rollback_journal_is_taken():
    asked = []

    def execute(statement):
        asked.append(statement)
        if statement.endswith("wal"):
            raise sqlite3.OperationalError("locking protocol")
        return SimpleNamespace(fetchone=lambda: ["truncate"])

    chosen = location.choose_journal(SimpleNamespace(execute=execute), Path("/tmp/x"))

    assert chosen == "truncate"
    assert asked[-2:] == ["PRAGMA journal_mode = wal", "PRAGMA journal_mode = truncate"]


@pytest.mark.parametrize("local", [True, False], ids=["wal", "rollback"])
def test_a_reader_that_never_lets_go_does_not_stop_the_run(tmp_path, monkeypatch, local):
    monkeypatch.setattr(location, "is_local", lambda folder: local)
    path = tmp_path / "run.ls"
    writer = RunWriter(path, RunInfo())
    writer.append(example(0))
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM snapshots").fetchone()

    for step in (1, 2):
        writer.append(example(step))
    reader.close()
    writer.close()

    assert [s.step for s in read_run(path).snapshots] == [0, 1, 2]


def test_a_lock_that_outlasts_the_run_is_reported_when_it_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("lifesigns.store.writer.FAREWELL", 0.05)
    writer = RunWriter(tmp_path / "run.ls", RunInfo())
    other = sqlite3.connect(tmp_path / "run.ls", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writer.append(example())

    with pytest.raises(RunFileError, match="locked"):
        writer.close()

    other.close()
    assert read_run(tmp_path / "run.ls").snapshots == ()


def test_rows_are_not_put_off_without_bound(tmp_path, monkeypatch):
    monkeypatch.setattr("lifesigns.store.writer.BACKLOG", 3)
    monkeypatch.setattr("lifesigns.store.writer.PATIENCE", 0.0)
    writer = RunWriter(tmp_path / "run.ls", RunInfo())
    other = sqlite3.connect(tmp_path / "run.ls", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writer.append(example(0))  # with its graph: two rows

    with pytest.raises(RunFileError, match="locked"):
        writer.append(example(1))
    other.close()
    writer.append(example(2))
    writer.close()

    assert [s.step for s in read_run(tmp_path / "run.ls").snapshots] == [2]


def test_readers_do_not_change_a_run(tmp_path):
    path = finished_run(tmp_path / "run.ls")
    before = (path.read_bytes(), path.stat().st_mtime_ns)

    read_run(path)
    read_findings(path)

    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert list(tmp_path.iterdir()) == [path]


# --- threads, forks, failures ---------------------------------------------------------------------
def test_several_threads_may_write(tmp_path):
    with RunWriter(tmp_path / "run.ls", RunInfo()) as writer:
        threads = [
            threading.Thread(target=lambda k=k: [writer.append(example(k)) for _ in range(20)])
            for k in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    steps = [s.step for s in read_run(tmp_path / "run.ls").snapshots]
    assert sorted(steps) == sorted([0, 1, 2, 3] * 20)


FORK = """
import gc, os, sys
from lifesigns.records import RunInfo, Snapshot, Graph
from lifesigns.store import RunWriter, read_run
writer = RunWriter(sys.argv[1], RunInfo())
writer.append(Snapshot(0, Graph()))
child = os.fork()
writer.append(Snapshot(1, Graph()))
if not child:
    writer.close()
    del writer
    gc.collect()
    sys.exit()
os.waitpid(child, 0)
writer.append(Snapshot(2, Graph()))
writer.close()
print([s.step for s in read_run(sys.argv[1]).snapshots])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_in_a_forked_child_the_writer_does_nothing(tmp_path):
    command = [sys.executable, "-c", FORK, str(tmp_path / "run.ls")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert (done.stdout.strip(), done.stderr, done.returncode) == ("[0, 1, 2]", "", 0)


def test_an_interrupt_in_the_middle_of_a_write_stores_nothing_twice(tmp_path):
    writer = RunWriter(tmp_path / "run.ls", RunInfo())
    real = writer._connection

    class Interrupted:
        def __getattr__(self, name):
            return getattr(real, name)

        def execute(self, statement, *values):
            result = real.execute(statement, *values)
            if statement == "COMMIT":
                raise KeyboardInterrupt
            return result

    writer._connection = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        writer.append(example(0))
    writer._connection = real
    writer.append(example(1))
    writer.close()

    assert [s.step for s in read_run(tmp_path / "run.ls").snapshots] == [0, 1]


def test_a_full_disk_is_reported_and_what_was_stored_stays_readable(tmp_path):
    path = tmp_path / "run.ls"
    writer = RunWriter(path, RunInfo())
    writer.append(example(0))
    pages = writer._connection.execute("PRAGMA page_count").fetchone()[0]
    writer._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    noise = np.random.default_rng(0).random(10_000)
    large = LossCurve(np.arange(10_000), noise, np.zeros(10_000, np.int64))

    with pytest.raises(RunFileError, match="full"):
        writer.losses(large)
    writer.append(example(1))
    writer.close()

    assert [s.step for s in read_run(path).snapshots] == [0, 1]
    assert len(read_run(path).losses.steps) == 0


def test_a_graph_lost_with_a_failed_write_is_stored_with_the_next_snapshot(tmp_path):
    path = tmp_path / "run.ls"
    writer = RunWriter(path, RunInfo())
    pages = writer._connection.execute("PRAGMA page_count").fetchone()[0]
    writer._connection.execute(f"PRAGMA max_page_count = {pages}")
    wide = snapshot(GRAPH, sites=[SiteReading(1, sums(np.random.default_rng(0).random((2, 900))))])
    with pytest.raises(RunFileError):
        writer.append(wide)
    writer._connection.execute("PRAGMA max_page_count = 100000")

    writer.append(wide)
    writer.close()

    assert read_run(path).snapshots[0].graph == GRAPH


def test_a_closed_writer_says_so_and_closes_again_quietly(tmp_path):
    writer = RunWriter(tmp_path / "run.ls", RunInfo())
    writer.close()
    writer.close()

    with pytest.raises(RunFileError, match="closed"):
        writer.append(example())
