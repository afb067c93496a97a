import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import pytest

from lifesigns._errors import RunFileError, UsageError
from lifesigns.records import SCHEMA_VERSION, LossCurve, RunInfo, SiteReading, to_json
from lifesigns.rules.testing import chain, snapshot, sums
from lifesigns.store import RunWriter, location, read_findings, read_run, schema
from lifesigns.store.packing import pack, unpack

GRAPH = chain("linear", "relu")
on_linux = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="asks /proc")


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
    large = LossCurve(*[np.zeros(10_000, kind) for kind in (np.int64, float, np.int64)])

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


# --- paths ----------------------------------------------------------------------------------------
def test_a_missing_folder_is_refused_with_its_name(tmp_path):
    with pytest.raises(UsageError, match=r"folder .*nowhere does not exist"):
        RunWriter(tmp_path / "nowhere" / "run.ls", RunInfo())


def test_a_folder_is_no_run_file(tmp_path):
    with pytest.raises(UsageError, match="is a folder"):
        RunWriter(tmp_path, RunInfo())
    with pytest.raises(RunFileError, match="no run file"):
        read_run(tmp_path)


@pytest.mark.parametrize("kind", ["text", "other database"])
def test_a_file_that_is_not_a_run_file_is_neither_overwritten_nor_read(tmp_path, kind):
    path = tmp_path / "precious"
    if kind == "text":
        path.write_text("weights " * 1000)
    else:
        change(path, "CREATE TABLE accounts (name TEXT)")
    before = path.read_bytes()

    with pytest.raises(UsageError, match="not a run file"):
        RunWriter(path, RunInfo())
    with pytest.raises(RunFileError, match="not a run file"):
        read_run(path)

    assert path.read_bytes() == before


def test_a_run_that_is_being_written_is_not_replaced(tmp_path):
    with RunWriter(tmp_path / "run.ls", RunInfo()) as writer:
        writer.append(example())

        with pytest.raises(UsageError, match="in use"):
            RunWriter(tmp_path / "run.ls", RunInfo())

        writer.append(example(1))
    assert len(read_run(tmp_path / "run.ls").snapshots) == 2


def test_an_empty_file_is_filled_and_until_then_holds_no_run(tmp_path):
    path = tmp_path / "run.ls"
    path.touch()
    with pytest.raises(RunFileError, match="empty"):
        read_run(path)

    finished_run(path)

    assert len(read_run(path).snapshots) == 3


def test_a_missing_run_file_is_reported_with_what_makes_one(tmp_path):
    with pytest.raises(RunFileError, match=r"no run file .*--save"):
        read_run(tmp_path / "run.ls")


def test_a_folder_without_write_permission_is_reported(locked_folder):
    with locked_folder() as folder, pytest.raises(UsageError, match="permission denied"):
        RunWriter(folder / "run.ls", RunInfo())


def test_a_run_file_without_write_permission_is_not_replaced(locked_folder):
    with locked_folder(finished_run) as folder, pytest.raises(UsageError):
        RunWriter(folder / "run.ls", RunInfo())


def test_a_finished_run_can_be_read_from_a_read_only_folder(locked_folder):
    with locked_folder(finished_run) as folder:
        assert len(read_run(folder / "run.ls").snapshots) == 3


def test_a_run_that_left_its_log_behind_can_be_read_from_a_read_only_folder(locked_folder):
    def with_journal_mode_of_a_log(path):
        finished_run(path)
        change(path, "PRAGMA journal_mode = WAL")

    with locked_folder(with_journal_mode_of_a_log) as folder:
        assert len(read_run(folder / "run.ls").snapshots) == 3


@pytest.fixture
def locked_folder():
    """A folder that may be read and not written; root, who may do anything, steps down for it."""

    @contextmanager
    def lock(fill=lambda path: None):
        with TemporaryDirectory() as name:
            folder, user = Path(name), os.geteuid()
            fill(folder / "run.ls")
            folder.chmod(0o555)
            if user == 0:
                os.seteuid(65534)
            try:
                yield folder
            finally:
                os.seteuid(user)
                folder.chmod(0o755)

    if not hasattr(os, "seteuid"):
        pytest.skip("needs POSIX permissions")
    return lock


def test_paths_with_marks_of_web_addresses_are_plain_paths(tmp_path):
    path = finished_run(tmp_path / "100 %? #1.ls")

    assert len(read_run(path).snapshots) == 3


# --- damage and versions --------------------------------------------------------------------------
def test_a_truncated_file_is_reported_as_damaged(tmp_path):
    path = finished_run(tmp_path / "run.ls", steps=30)
    path.write_bytes(path.read_bytes()[:6000])

    with pytest.raises(RunFileError, match="cannot be read"):
        read_run(path)


def test_a_snapshot_that_cannot_be_unpacked_is_reported_as_damaged(tmp_path):
    path = finished_run(tmp_path / "run.ls")
    change(path, "UPDATE snapshots SET body = x'00' WHERE number = 2")

    with pytest.raises(RunFileError, match="damaged"):
        read_run(path)


def test_a_newer_schema_is_refused_with_what_to_do(tmp_path):
    path = finished_run(tmp_path / "run.ls")
    change(path, f"UPDATE schema SET version = {SCHEMA_VERSION + 1}")

    for read in (read_run, read_findings):
        with pytest.raises(RunFileError, match=r"run\.ls.*newer lifesigns.*Upgrade"):
            read(path)


def an_older_run(path):
    """As if version 0 had had no streams and no reasons."""
    finished_run(path)
    change(
        path,
        "UPDATE schema SET version = 0",
        "CREATE TABLE old AS SELECT number, step, graph, body, arrays FROM snapshots",
        "DROP TABLE snapshots",
        "ALTER TABLE old RENAME TO snapshots",
        "ALTER TABLE graphs RENAME TO forms",
    )
    return path


def test_an_older_schema_is_migrated_on_the_way_in_and_the_file_left_alone(tmp_path, monkeypatch):
    steps = ("ALTER TABLE forms RENAME TO graphs", "ALTER TABLE snapshots ADD COLUMN stream")
    monkeypatch.setattr(schema, "MIGRATIONS", {0: steps})
    path = an_older_run(tmp_path / "run.ls")
    before = path.read_bytes()

    trace = read_run(path)

    assert to_json(trace.snapshots) == to_json(tuple(example(step) for step in range(3)))
    assert path.read_bytes() == before


def test_migrations_run_one_after_the_other(monkeypatch):
    monkeypatch.setattr(schema, "SCHEMA_VERSION", 3)
    ways = {v: (f"INSERT INTO log VALUES ({v})",) for v in (2, 0, 1)}
    monkeypatch.setattr(schema, "MIGRATIONS", ways)
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in ("CREATE TABLE schema (version)", "CREATE TABLE log (version)"):
        connection.execute(statement)
    connection.execute("INSERT INTO schema VALUES (0)")

    schema.migrate(connection)

    assert connection.execute("SELECT version FROM log").fetchall() == [(0,), (1,), (2,)]
    assert schema.version_of(connection) == 3
    connection.close()


def test_an_older_schema_nothing_leads_on_from_is_refused(tmp_path):
    path = finished_run(tmp_path / "run.ls")
    change(path, "UPDATE schema SET version = -1")

    with pytest.raises(RunFileError, match="Schema -1 is unknown"):
        read_run(path)


def test_every_version_before_this_one_has_a_migration():
    assert set(schema.MIGRATIONS) == set(range(1, SCHEMA_VERSION))


def test_a_copy_of_a_run_in_progress_needs_its_log(tmp_path):
    copies = tmp_path / "copies"
    copies.mkdir()
    with RunWriter(tmp_path / "run.ls", RunInfo()) as writer:
        writer.append(example())
        for path in tmp_path.glob("run.ls*"):
            shutil.copy(path, copies)

    assert len(read_run(copies / "run.ls").snapshots) == 1


def test_names_outside_of_ascii_and_of_unicode_are_kept(tmp_path):
    info = RunInfo("train\udce9.py", versions={"torch": "2.13", "größe": "π"})
    with RunWriter(tmp_path / "run.ls", info):
        pass

    assert read_run(tmp_path / "run.ls").info == info


@on_linux
def test_nothing_keeps_a_closed_run_open(tmp_path):
    path = finished_run(tmp_path / "run.ls")
    read_run(path)
    descriptors = [fd for fd in Path("/proc/self/fd").iterdir() if fd.exists()]

    assert path not in [fd.readlink() for fd in descriptors]
