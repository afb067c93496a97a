"""Where a run file may lie."""

import os
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from run_files import change, example, finished_run

from lifesigns._errors import RunFileError, UsageError
from lifesigns.records import RunInfo
from lifesigns.store import RunWriter, read_run


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
