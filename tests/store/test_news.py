"""A run file that grows is read row by row, once; a killed run is told from one that trains."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import run_files

from lifesigns._errors import RunFileError
from lifesigns.records import LossCurve, RunInfo
from lifesigns.store import RunWriter, read_run
from lifesigns.store.news import MOST, NewsReader
from lifesigns.store.writing import is_abandoned

WRITER = """
import sys, time
from pathlib import Path

import run_files
from lifesigns.records import RunInfo
from lifesigns.store import RunWriter, location

if sys.argv[2] == "remote":
    location.is_local = lambda _: False
with RunWriter(Path(sys.argv[1]), RunInfo("train.py")) as writer:
    writer.append(run_files.example())
    print("written", flush=True)
    sys.stdin.readline()
    writer.finish((), "finished", cost=None, steps=1)
"""


def losses(*steps):
    return LossCurve(np.array(steps), np.array(steps) / 2, np.zeros(len(steps), int))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.lifesigns"


@pytest.fixture
def writing(path):
    """Another process that writes; a line makes it finish."""
    processes = []

    def begin(disk="local"):
        folders = [str(Path(run_files.__file__).parent), os.environ.get("PYTHONPATH", "")]
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), disk],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(folders)},
        )
        processes.append(process)
        assert process.stdout.readline() == "written\n"
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def test_each_row_is_read_once_and_nothing_is_missed(path):
    read, seen, curve = [], [], []
    with RunWriter(path, RunInfo("train.py")) as writer:
        reader = NewsReader(path)
        for step in range(12):
            writer.append(run_files.example(step))
            writer.losses(losses(step))
            if step % 3 == 0:
                read.append(reader.read())
    read.append(reader.read())

    for news in read:
        seen += [snapshot.step for _, snapshot in news.snapshots]
        curve += news.losses.steps.tolist()
    assert seen == curve == list(range(12))
    assert [number for news in read for number, _ in news.snapshots] == list(range(1, 13))
    assert [news.latest for news in read] == [1, 4, 7, 10, 12]
    assert read[-1].state.info == read_run(path).info


def test_a_long_run_is_read_in_pieces(path):
    run_files.finished_run(path, MOST + 3)
    reader = NewsReader(path)

    sizes = [len(reader.read().snapshots) for _ in range(3)]

    assert sizes == [MOST, 3, 0]


def test_what_could_not_be_read_is_read_again(path):
    run_files.finished_run(path, 3)
    reader = NewsReader(path)
    (body,) = run_files.rows(path, "SELECT body FROM snapshots WHERE number = 3")[0]
    run_files.change(path, "UPDATE snapshots SET body = x'00' WHERE number = 3")
    with pytest.raises(RunFileError):
        reader.read()
    run_files.change(path, f"UPDATE snapshots SET body = x'{body.hex()}' WHERE number = 3")

    assert [number for number, _ in reader.read().snapshots] == [1, 2, 3]


def test_a_file_that_did_not_change_for_a_while_has_no_news(path, monkeypatch):
    run_files.finished_run(path)
    reader = NewsReader(path)
    assert reader.may_have_news()
    reader.read()
    assert reader.may_have_news()  # it was written a moment ago
    monkeypatch.setattr("lifesigns.store.news.SETTLING", -1e9)

    assert not reader.may_have_news()
    run_files.change(path, "UPDATE snapshots SET reason = 'spike'")
    assert reader.may_have_news()


def test_a_file_in_the_place_of_another_is_told_from_it(path):
    run_files.finished_run(path)
    reader = NewsReader(path)
    reader.read()
    assert not reader.is_replaced()

    run_files.finished_run(path, 1)

    assert reader.is_replaced()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
def test_a_killed_run_is_told_from_one_that_goes_on_and_one_that_ended(path, writing):
    process = writing()
    going_on = is_abandoned(path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed = is_abandoned(path)
    path.unlink()
    run_files.finished_run(path)

    assert (going_on, killed, is_abandoned(path)) == (False, True, False)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
def test_reading_a_run_does_not_make_it_look_abandoned(path, writing):
    writing()

    reader = NewsReader(path)
    reader.read()
    read_run(path)

    assert not reader.is_abandoned()


def test_of_a_file_without_a_log_it_cannot_be_told(path, writing):
    process = writing("remote")
    process.kill()
    process.wait()

    assert not is_abandoned(path)


def test_a_file_that_is_not_there_is_not_abandoned(path):
    assert not is_abandoned(path)
