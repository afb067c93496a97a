"""A run that is killed while its file is made leaves a path that can be read, and used again."""

import os
import random
import signal
import time

import pytest

from lifesigns._errors import RunFileError
from lifesigns.records import Graph, RunInfo, Snapshot
from lifesigns.store import RunWriter, read_run

KILLS = int(os.environ.get("LIFESIGNS_KILLS", "25"))
MADE = 0.004
"""Seconds that making a file and writing to it takes, about."""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


def make_again_and_again(path):
    """Most of a killed child's life is the making of its file, in the place of an older one."""
    while True:
        writer = RunWriter(path, RunInfo("train.py"))
        writer.append(Snapshot(0, Graph()))
        writer.append(Snapshot(1, Graph()))
        if random.random() < 0.5:
            writer.close()
        else:
            writer._connection.close()  # as a kill would leave it, but for the log


def killed_at(path, moment):
    ready = path.with_name("ready")
    ready.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        ready.touch()
        make_again_and_again(path)
    while not ready.exists():
        time.sleep(0.0005)
    time.sleep(moment)
    os.kill(child, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_path_can_be_read_and_used_again_after_a_kill_at_any_moment(tmp_path):
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)
    chance, path = random.Random(seed), tmp_path / "run.ls"
    lengths = []
    for number in range(KILLS):
        if number % 5 == 0:
            path.unlink(missing_ok=True)
        killed_at(path, chance.uniform(0, 3 * MADE))
        if path.exists():
            assert read_run(path).info.command in ("train.py", "again.py")
            lengths.append(len(read_run(path).snapshots))
        else:
            with pytest.raises(RunFileError, match="There is no run file"):
                read_run(path)
        with RunWriter(path, RunInfo("again.py")) as writer:
            writer.append(Snapshot(7, Graph()))
        assert [s.step for s in read_run(path).snapshots] == [7]
    assert lengths


@pytest.mark.parametrize("size", [0, 512, 5000])
def test_what_an_older_lifesigns_left_half_made_is_replaced(tmp_path, size):
    """Killed while it laid out its tables: a journal that says there was nothing before."""
    path = tmp_path / "run.ls"
    child = os.fork()
    if not child:
        import sqlite3

        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE big (x)")
        connection.executemany("INSERT INTO big VALUES (?)", [("x" * 900,)] * size)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)

    with RunWriter(path, RunInfo("again.py")):
        pass

    assert read_run(path).info.command == "again.py"
    assert [p.name for p in tmp_path.iterdir()] == ["run.ls"]
