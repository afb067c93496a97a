"""Run files that are damaged, of another version, or in use."""

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from run_files import as_version_1, change, example, finished_run

from lifesigns._errors import RunFileError
from lifesigns.records import SCHEMA_VERSION, LossCurve, RunInfo, to_json
from lifesigns.store import RunWriter, read_findings, read_run, schema

on_linux = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="asks /proc")


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


def test_a_run_of_the_first_version_is_read_and_the_file_left_alone(tmp_path):
    path = tmp_path / "run.ls"
    with RunWriter(path, RunInfo()) as writer:
        for step in range(3):
            writer.append(example(step))
        writer.losses(LossCurve(np.arange(3), np.array([0.1, np.nan, 3]), np.zeros(3, np.int64)))
    now = to_json(read_run(path))
    before = as_version_1(path).read_bytes()

    assert to_json(read_run(path)) == now
    assert path.read_bytes() == before


def test_a_run_of_an_older_version_whose_tables_are_others_is_refused(tmp_path):
    path = as_version_1(finished_run(tmp_path / "run.ls"))
    change(path, "DROP TABLE losses", "CREATE VIEW losses AS SELECT 1 AS number")

    with pytest.raises(RunFileError, match="tables are not those of a run"):
        read_run(path)


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
