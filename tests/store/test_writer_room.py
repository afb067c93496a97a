"""A run file of a long run: it stops growing, and what it keeps speaks for the whole run."""

from dataclasses import replace

import numpy as np
import pytest
from run_files import rows

from lifesigns.records import Cost, RunInfo, SiteReading
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


def test_the_bound_in_bytes_holds_for_a_large_network(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "ROOM", Room(most=40, most_bytes=30_000, least=2))
    graph, path = example.chain("linear", "relu"), tmp_path / "run"
    large = example.sums(np.random.default_rng(0).standard_normal((4, 200)))
    shot = example.snapshot(graph, sites=[SiteReading(1, large)], parameters=example.weights(graph))
    with RunWriter(path, RunInfo()) as run:
        for step in range(100):
            run.append(replace(shot, step=step))

    query = "SELECT sum(length(body) + length(arrays)) FROM snapshots WHERE structure = x''"
    kept = read_run(path).snapshots
    whole = [shot.step for shot in kept if shot.sites]
    assert rows(path, query)[0][0] <= 30_000
    assert 2 <= len(whole) < 10
    assert {0, 99} <= set(whole)
    assert len(whole) < len(kept) <= 40  # those that had to go have left all but sums of units
    assert all(shot.parameters for shot in kept)
