"""Who trains the units: this process, several processes of this machine, or a Ray cluster."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Protocol

import torch

from lifesigns.lab.population import History
from lifesigns.lab.units import Unit


class Workers(Protocol):
    """Trains units in any order; every unit comes back exactly once."""

    def train(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, History]]:
        """Yields each unit with its history as soon as it is done."""
        ...


@dataclass(frozen=True)
class LocalWorkers:
    """One single-threaded process for each of `jobs`; with one job, this process itself."""

    jobs: int = 1

    def train(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, History]]:
        """See `Workers`. What is still waiting is given up when the caller stops asking."""
        if self.jobs == 1:
            with _OneThread():
                for unit in units:
                    yield unit, unit.train()
            return
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(
            self.jobs, context, initializer=torch.set_num_threads, initargs=(1,)
        )
        try:
            waiting = {pool.submit(unit.train): unit for unit in units}
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _OneThread:
    """torch with one thread inside, as many as before outside."""

    def __enter__(self) -> None:
        self._before = torch.get_num_threads()
        torch.set_num_threads(1)

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self._before)
