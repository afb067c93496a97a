"""A full run file takes snapshots for a hundredth of the time, and at once what has a reason."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest

from lifesigns import store
from lifesigns._watching import run_file
from lifesigns.records import RunInfo, Trace
from lifesigns.records.kept import NOTABLE
from lifesigns.rules.testing import chain, snapshot

GRAPH = chain("linear", "relu")


class Writer:
    """Remembers what it was given."""

    def __init__(self, clock, path, info):
        self.is_full, self.written, self.clock, self.seconds = True, [], clock, 0.02

    def append(self, one):
        self.clock.now += self.seconds
        self.written.append((one.step, one.stream))

    def finish(self, *_, **__):
        pass

    progress = close = finish


def shot(step, stream=0, reason="scheduled"):
    return replace(snapshot(GRAPH, step=step, reason=reason), stream=stream)


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(store, "RunWriter", partial(Writer, clock))
    monkeypatch.setattr(run_file, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def file(clock, tmp_path, monkeypatch):
    file = run_file.RunFile(tmp_path / "run.ls", RunInfo())
    monkeypatch.setattr(file, "_write_losses", lambda recorder: None)
    return file


@pytest.mark.parametrize(("seconds", "written"), [(0.05, 10), (0.005, 20), (0.0005, 100)])
def test_snapshots_that_are_dear_to_write_are_written_seldom(file, clock, seconds, written):
    file._writer.seconds = seconds
    for step in range(100):
        clock.now += 0.1
        file.append(shot(step))
        file.flush(None)

    steps = [step for step, _ in file._writer.written]
    assert len(steps) == pytest.approx(written, rel=0.15)
    assert max(steps) >= 89


def test_what_waits_is_written_when_the_run_ends(file):
    file.append(shot(3))
    assert file._writer.written == []

    file.finish(None, SimpleNamespace(trace=Trace(), findings=()))

    assert file._writer.written == [(3, 0)]


def test_the_losses_of_one_step_stay_together(file, clock):
    for step in range(60):
        clock.now += 0.1
        for stream in range(3):
            file.append(shot(step, stream))

    written = file._writer.written
    assert len(written) >= 9
    assert all([own for own, _ in written].count(step) == 3 for step, _ in written[:-3])


def test_a_step_with_a_reason_is_written_at_once_the_first_few_of_them(file):
    for step in range(NOTABLE + 5):
        file.append(shot(step, reason="spike"))

    assert [step for step, _ in file._writer.written] == list(range(NOTABLE))


def test_as_long_as_there_is_room_everything_is_written(file):
    file._writer.is_full = False
    for step in range(5):
        file.append(shot(step))

    assert [step for step, _ in file._writer.written] == list(range(5))
