"""Trains many arms of one program, several at a time, each in a sandbox of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from lifesigns.prove.arm import Arm, Program, environment
from lifesigns.prove.copies import CannotRun
from lifesigns.prove.fork_server import ForkServer, can_hold
from lifesigns.prove.kept import KeptArms
from lifesigns.prove.order import Order, Trained
from lifesigns.prove.treatment import Treatment
from lifesigns.records import Trace

WATCHING = ("every", "budget")
"""Options of a program that say which steps are recorded; the others say where it ends."""


@dataclass
class Arms:
    """Trains a program, and keeps account of what that costs."""

    program: Program
    timeout: float
    has_network: bool = False
    jobs: int = 1
    kept: KeptArms | None = None
    """Where arms are kept, and found if they were trained before."""
    carry_out: Callable[[Order, threading.Event], Trained] = Order.carry_out
    """Trains an arm, here or elsewhere."""
    trainings: int = field(default=0, init=False)
    seconds: float = field(default=0.0, init=False)
    """Of wall time, summed over the arms."""
    latest: float = field(default=0.0, init=False)
    """Seconds of each of the last arms that were trained together, on average."""
    _server: ForkServer | None = field(default=None, init=False)

    def __enter__(self) -> Arms:
        """Inside, arms may be forked."""
        if self.carry_out is Order.carry_out:
            inside = environment(self.has_network, os.environ)
            self._server = ForkServer(inside, self.program.folder)
        return self

    def __exit__(self, *error: object) -> None:
        self.end_to_fork()

    def train(self, treatments: Sequence[Treatment], *, every: int = 0) -> list[Arm]:
        """Trains once with each treatment.

        Args:
            treatments: In the order in which the arms are returned.
            every: Record each of so many steps; 0 watches as the program asks for.

        Raises:
            CannotRun: The sandbox failed.
        """
        program = self._watched(every) if every else self.program
        orders = [Order(program, one, self.timeout, self.has_network) for one in treatments]
        places = [self.kept and self.kept.place(order) for order in orders]
        stop = threading.Event()
        with ThreadPoolExecutor(min(self.jobs, len(orders)) or 1) as pool:
            try:
                done = list(pool.map(lambda o, p: self._one(o, p, stop), orders, places))
            except BaseException:  # Ctrl-C, too: the others would be waited for
                stop.set()
                pool.shutdown(cancel_futures=True)
                raise
        spent = sum(trained.seconds for trained in done)
        self.trainings += len(done)
        self.seconds += spent
        self.latest = spent / max(1, len(done))
        return [trained.arm for trained in done]

    def _watched(self, every: int) -> Program:
        ending = {n: value for n, value in self.program.options.items() if n not in WATCHING}
        return replace(self.program, options={**ending, "every": str(every)})

    def _one(self, order: Order, place: Path | None, stop: threading.Event) -> Trained:
        if self.kept is None or place is None:
            return self._carried_out(order, stop)
        trained = self.kept.find(place)
        if trained is None:
            trained = self._carried_out(order, stop)
            self.kept.keep(place, trained)
        return trained

    def _carried_out(self, order: Order, stop: threading.Event) -> Trained:
        return order.carry_out(stop, self._server) if self.forks else self.carry_out(order, stop)

    @property
    def forks(self) -> bool:
        """Whether arms are forked from a process in which Python and torch have begun."""
        return self._server is not None and not self._server.refusal

    @property
    def may_fork(self) -> bool:
        """Whether they may be, as far as that is known without trying."""
        return self._server is not None and can_hold()

    def begin_to_fork(self, recorded: Trace) -> float:
        """From now on arms are forked, where that can be.

        Args:
            recorded: A run of the program.

        Returns:
            The seconds that this spares each arm; 0 if it cannot be.
        """
        if self._server is None:
            return 0.0
        # Whoever builds an optimizer of torch's has imported that, and waited for it.
        self._server.load(["torch._dynamo"] if recorded.optimizers else [])
        self.seconds += self._server.seconds
        return self._server.seconds if self.forks else 0.0

    def end_to_fork(self) -> None:
        """From now on each arm is a process of its own."""
        if self._server is not None:
            self._server.close()

    def fair(self, treatment: Treatment, *, every: int = 0) -> Arm:
        """An arm without a remedy, from which something can be concluded.

        Args:
            treatment: Of the seed only.
            every: As in `train`.

        Raises:
            CannotRun: Nothing can be concluded; the message says why.
        """
        (arm,) = self.train([treatment], every=every)
        self.check(arm)
        return arm

    def check(self, arm: Arm) -> None:
        """Makes sure that something can be concluded from an arm without a remedy.

        Args:
            arm: One that has ended.

        Raises:
            CannotRun: Nothing can; the message says why.
        """
        reason = arm.unfair(has_network=self.has_network)
        if not reason and arm.end.code < 0:
            reason = f"it was ended by signal {-arm.end.code}"
        if reason:
            raise CannotRun(f"{self.program.target} cannot be run fairly in a sandbox: {reason}.")


def seconds_to_start() -> float:
    """What an arm takes before it can train: Python and torch begin."""
    begin = time.monotonic()
    subprocess.run([sys.executable, "-c", "import torch, lifesigns.watch"], check=False)
    return time.monotonic() - begin
