"""A worker that is killed loses nothing, here or on a Ray cluster."""

import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from lifesigns._errors import UsageError
from lifesigns.lab.training import pace, workers
from lifesigns.lab.training.members import Member
from lifesigns.lab.training.work_units import Source, WorkUnit, work_units_of
from lifesigns.lab.training.workers import LocalWorkers
from lifesigns.nets import MLP, Recipe


def some_units(count):
    recipe = Recipe(MLP(4, (8,), 3), "cross_entropy")
    return work_units_of([Member(recipe, seed) for seed in range(count)], Source("iris"), 40, 1)


def assert_same(found, units):
    assert set(found) == set(units)
    for unit, history in LocalWorkers().train(units):
        np.testing.assert_array_equal(found[unit].losses, history.losses)


@dataclass(frozen=True)
class Mortal:
    """A unit that kills its worker: the first time only if there is a place to note that."""

    unit: WorkUnit
    note: Path | None = None

    def train(self):
        if self.note is None or not self.note.exists():
            if self.note is not None:
                self.note.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.unit.train()


def test_a_local_worker_killed_in_the_middle_loses_nothing():
    units, found = some_units(6), {}

    for unit, history in LocalWorkers(2, at_once=True).train(units):
        if not found:
            for process in multiprocessing.active_children():
                process.kill()
        found[unit] = history

    assert_same(found, units)


def test_workers_that_are_killed_again_and_again_end_in_a_clear_error(monkeypatch):
    monkeypatch.setattr(workers, "NEW_POOLS", 1)
    (unit,) = some_units(1)

    with pytest.raises(UsageError, match=r"killed 2 times.* 1 of 1 work units are left"):
        list(LocalWorkers(2, at_once=True).train([Mortal(unit)]))


@pytest.fixture(scope="module")
def ray_workers():
    ray = pytest.importorskip("ray", reason="Ray is not installed (extra `ray`)")
    from lifesigns.lab.training.ray_workers import RayWorkers

    source = str(Path(workers.__file__).parents[3])
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": source}},
    )
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield RayWorkers()
    ray.shutdown()


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_of_two_gives_the_same_numbers(ray_workers):
    units = some_units(4)

    assert_same(dict(ray_workers.train(units)), units)


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_worker_killed_in_the_middle_loses_nothing(ray_workers, tmp_path):
    units = some_units(3)
    mortal = [units[0], Mortal(units[1], tmp_path / "died"), units[2]]

    found = dict(ray_workers.train(mortal))

    assert (tmp_path / "died").exists()
    assert_same({getattr(unit, "unit", unit): history for unit, history in found.items()}, units)


def test_no_more_processes_are_started_than_there_are_units(monkeypatch):
    started = []
    monkeypatch.setattr(
        workers, "ProcessPoolExecutor", lambda jobs, *_, **__: started.append(jobs) or 1 / 0
    )

    with pytest.raises(ZeroDivisionError):
        list(LocalWorkers(1000, at_once=True).train(some_units(3)))

    assert started == [3]


@pytest.fixture
def no_processes(monkeypatch):
    monkeypatch.setattr(workers, "ProcessPoolExecutor", None)


def test_a_small_design_starts_no_process(no_processes):
    units = some_units(12)

    assert_same(dict(LocalWorkers(2).train(units)), units)


def test_work_begun_here_and_ended_elsewhere_has_the_same_numbers(monkeypatch):
    monkeypatch.setattr(pace, "LOOK", 0.0)
    monkeypatch.setattr(pace, "WORTH", 1e-6)
    units = some_units(3)

    assert_same(dict(LocalWorkers(2).train(units)), units)
