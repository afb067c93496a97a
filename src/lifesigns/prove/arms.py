"""Trains many arms of one program, several at a time, each in a sandbox of its own."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from lifesigns.prove.arm import Arm, Program
from lifesigns.prove.copies import CannotRun
from lifesigns.prove.kept import KeptArms
from lifesigns.prove.order import Order, Trained
from lifesigns.prove.treatment import Treatment

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
        self.trainings += len(done)
        self.seconds += sum(trained.seconds for trained in done)
        return [trained.arm for trained in done]

    def _watched(self, every: int) -> Program:
        ending = {n: value for n, value in self.program.options.items() if n not in WATCHING}
        return replace(self.program, options={**ending, "every": str(every)})

    def _one(self, order: Order, place: Path | None, stop: threading.Event) -> Trained:
        if self.kept is None or place is None:
            return self.carry_out(order, stop)
        trained = self.kept.find(place)
        if trained is None:
            trained = self.carry_out(order, stop)
            self.kept.keep(place, trained)
        return trained

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
