"""A run file of a long run: it stops growing, and what it keeps speaks for the whole run."""

from dataclasses import replace

import numpy as np
import pytest

from lifesigns.records import Cost, RunInfo
from lifesigns.records.kept import Room
from lifesigns.rules import testing as example
from lifesigns.store import RunWriter, read_run, writer

STEPS = 300


@pytest.fixture
def stored(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "ROOM", Room(most=32, most_bytes=1 << 30, least=8))
    (shot,) = example.regression([1.0], update=1e-3).snapshots[:1]
    path = tmp_path / "run"
    with RunWriter(path, RunInfo()) as run:
        for step in range(STEPS):
            run.append(replace(shot, step=step))
        run.progress(STEPS, Cost(), (), (), recorded=STEPS)
    return read_run(path)


def test_a_long_run_keeps_few_snapshots_and_says_how_many_there_were(stored):
    assert len(stored.snapshots) <= 32
    assert stored.recorded == STEPS


def test_the_first_the_latest_and_those_between_are_there(stored):
    steps = [snapshot.step for snapshot in stored.snapshots]

    assert steps[0] == 0
    assert steps[-1] == STEPS - 1
    assert max(np.diff(steps)) < STEPS / 4
