"""A writer that is killed, at any moment, leaves a sound file with all it was told to keep."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

from lifesigns._errors import RunFileError
from lifesigns.store import read_findings, read_run

KILLS = 20
WRITE_AND_KILL = """
import itertools, os, random, signal, sys, time
from pathlib import Path

import numpy as np

from lifesigns.records import LossCurve, RunInfo, SiteReading, Trace
from lifesigns.rules.testing import chain, snapshot, sums
from lifesigns.store import RunWriter, location

folder, kills, local = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "local"
location.is_local = lambda _: local
chance = random.Random(0)


def write(path, acknowledged):
    graphs = [chain(*["linear", "relu"] * depth, units=64) for depth in (1, 3)]
    with RunWriter(path, RunInfo("train.py")) as writer:
        for step in itertools.count():
            values = sums(np.full((4, 64), float(step)))
            graph = graphs[step // 5 % 2]
            writer.append(snapshot(graph, step=step, sites=[SiteReading(1, values)]))
            writer.losses(LossCurve(np.array([step]), np.array([step / 3]), np.array([0])))
            writer.progress(Trace(steps=step + 1, optimizers=("SGD",)))
            os.write(acknowledged, b".")


for number in range(kills):
    acknowledged = os.open(folder / f"{number}.acknowledged", os.O_CREAT | os.O_WRONLY)
    child = os.fork()
    if not child:
        write(folder / f"{number}.ls", acknowledged)
    steps = chance.randrange(13)
    while os.fstat(acknowledged).st_size < steps:
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.02))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), status
"""


def examine(path):
    """How many steps the file holds, after checking that they are the first ones, unharmed."""
    trace = read_run(path)
    steps = [s.step for s in trace.snapshots]
    assert steps == list(range(len(steps)))
    assert all((s.sites[0].value.minimum == s.step).all() for s in trace.snapshots)
    assert [len(s.graph.sites) for s in trace.snapshots] == [(2, 6)[k // 5 % 2] for k in steps]
    assert len(trace.losses.steps) in (len(steps), len(steps) - 1)
    np.testing.assert_array_equal(trace.losses.values, np.arange(len(trace.losses.steps)) / 3)
    assert trace.info.command == "train.py" or not steps
    assert trace.info.outcome == "running"
    assert read_findings(path) == ()
    return len(steps)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("disk", ["local", "remote"])
def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path, disk):
    command = [sys.executable, "-c", WRITE_AND_KILL, str(tmp_path), str(KILLS), disk]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.stderr, done.returncode) == ("", 0)

    lengths = []
    for number in range(KILLS):
        acknowledged = (tmp_path / f"{number}.acknowledged").stat().st_size
        path = tmp_path / f"{number}.ls"
        try:
            lengths.append(examine(path))
        except RunFileError:
            assert acknowledged == 0  # killed while the file was being made
            continue
        assert acknowledged <= lengths[-1] <= acknowledged + 1
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    assert len(lengths) >= KILLS / 2
    assert max(lengths) >= 10
