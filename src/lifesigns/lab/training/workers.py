"""Who trains the work units: this process, several processes of this machine, or a Ray cluster."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Protocol

import torch

from lifesigns._errors import UsageError
from lifesigns.lab.engines.c import arithmetic
from lifesigns.lab.training.pace import Pace, WorthProcesses
from lifesigns.lab.training.population import History
from lifesigns.lab.training.work_units import WorkUnit

NEW_POOLS = 3
"""How often the processes are started anew after one of them was killed."""


class Workers(Protocol):
    """Trains work units in any order; every work unit comes back exactly once."""

    @property
    def jobs(self) -> int:
        """How many work units are trained at a time."""
        ...

    def train(self, work_units: Sequence[WorkUnit]) -> Iterator[tuple[WorkUnit, History]]:
        """Yields each work unit with its history as soon as it is done.

        Args:
            work_units: Without duplicates.

        Yields:
            In the order in which they end.
        """
        ...


@dataclass(frozen=True)
class LocalWorkers:
    """This process; and single-threaded others where the work is worth their start.

    That shows when this process trains, so it begins. Who trains a work unit, and whether another
    began it, does not change its numbers.
    """

    jobs: int = 1
    """Most processes."""
    at_once: bool = False
    """Start them without asking what they are worth."""

    def train(self, work_units: Sequence[WorkUnit]) -> Iterator[tuple[WorkUnit, History]]:
        """See `Workers`. What is still waiting is given up when the caller stops asking.

        Raises:
            UsageError: Worker processes were killed, and those that took their places as well.
        """
        left, processes = dict.fromkeys(work_units), self.jobs
        if not self.at_once:
            try:
                for work_unit, history in _trained_here(work_units, self.jobs):
                    del left[work_unit]
                    yield work_unit, history
            except WorthProcesses as worth:
                processes = worth.processes
        if left:
            yield from _trained_elsewhere(left, processes)


def _trained_here(work_units: Sequence[WorkUnit], jobs: int) -> Iterator[tuple[WorkUnit, History]]:
    """Trains in this process.

    Raises:
        WorthProcesses: Others should go on, with the work unit that was begun as well.
    """
    pace = Pace(jobs, sum(work_unit.size for work_unit in work_units))
    with _OneThread():
        for work_unit in work_units:
            yield work_unit, work_unit.train(pace.trained)


def _trained_elsewhere(
    left: dict[WorkUnit, None], processes: int
) -> Iterator[tuple[WorkUnit, History]]:
    """Trains in other processes, and in new ones where some were killed.

    Raises:
        UsageError: That happened too often.
    """
    wanted = len(left)
    for _ in range(1 + NEW_POOLS):
        with contextlib.suppress(BrokenProcessPool):
            for work_unit, history in _trained_by(processes, list(left)):
                del left[work_unit]
                yield work_unit, history
            return
    raise UsageError(
        f"Worker processes were killed {1 + NEW_POOLS} times, most often for want of memory; "
        f"{len(left)} of {wanted} work units are left. Try fewer --jobs, or a smaller chunk."
    )


def _trained_by(
    processes: int, work_units: Sequence[WorkUnit]
) -> Iterator[tuple[WorkUnit, History]]:
    arithmetic()  # compiled once, here, and not by every worker at the same time
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        min(processes, len(work_units)), context, initializer=_become_a_worker
    )
    try:
        with _interrupts_wait():
            waiting = {pool.submit(work_unit.train): work_unit for work_unit in work_units}
        for done in as_completed(waiting):
            yield waiting[done], done.result()
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Ctrl-C is held back, where there is a way, and in processes that are started as well."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _become_a_worker() -> None:
    """One thread, and an end with the parent.

    Ctrl-C, which a terminal sends to every process, ends it without a word. So does the end of the
    parent, however that came; and what is to be warned of, the parent has said.
    """
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    warnings.filterwarnings("ignore", module=r"lifesigns\.")
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    """Waits for the end of the parent, of which the system tells, even that by SIGKILL."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)  # the main thread, in the middle of its training, would not hear of an exception


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
