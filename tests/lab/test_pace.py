"""Processes are started where what is left keeps each busy for longer than its start takes."""

import pytest

from lifesigns.lab.training import pace
from lifesigns.lab.training.pace import WORTH, Pace, WorthProcesses


@pytest.fixture
def clock(monkeypatch):
    """Seconds of CPU time, which a test sets."""
    now = [0.0]
    monkeypatch.setattr(pace.time, "thread_time", lambda: now[0])
    return now


def processes(clock, *, jobs, seconds):
    """How many processes work of so many seconds is given after a tenth of it; 0 for none."""
    found = Pace(jobs, 1000)
    found.trained(0)
    clock[0] += seconds / 10
    try:
        found.trained(100)
    except WorthProcesses as worth:
        return worth.processes
    return 0


def test_little_work_stays_here(clock):
    assert processes(clock, jobs=8, seconds=WORTH) == 0


def test_much_work_is_given_to_all(clock):
    assert processes(clock, jobs=8, seconds=1000 * WORTH) == 8


def test_no_more_processes_than_the_rest_is_worth(clock):
    assert processes(clock, jobs=8, seconds=4 * WORTH) == 3


def test_one_job_is_this_process(clock):
    assert processes(clock, jobs=1, seconds=1000 * WORTH) == 0


def test_what_is_loaded_before_the_first_step_is_not_counted(clock):
    found = Pace(8, 1000)
    clock[0] = 1000.0

    found.trained(0)
    found.trained(100)


def test_a_moment_tells_nothing_yet(clock):
    found = Pace(8, 10**9)
    found.trained(0)
    clock[0] = pace.LOOK / 2

    found.trained(1)
