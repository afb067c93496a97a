"""Trains many arms of one program, several at a time, each in a sandbox of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from lifesigns.prove.arm import Arm, Program, train
from lifesigns.prove.copies import CannotRun
from lifesigns.prove.sandbox import Sandbox
from lifesigns.prove.treatment import Treatment


@dataclass
class Arms:
    """Trains a program, and keeps account of what that costs."""

    program: Program
    timeout: float
    has_network: bool = False
    jobs: int = 1
    keep: Path | None = None
    say: Callable[[str], None] = lambda text: None
    trainings: int = field(default=0, init=False)
    seconds: float = field(default=0.0, init=False)
    """Of wall time, summed over the arms."""

    def train(self, treatments: Sequence[Treatment], *, every: int = 0) -> list[Arm]:
        """Trains once with each treatment.

        Args:
            treatments: In the order in which the arms are returned.
            every: Record each of so many steps; 0 watches as the program asks for.

        Raises:
            CannotRun: An arm did not end in time, or the sandbox failed.
        """
        program = replace(self.program, options={"every": str(every)}) if every else self.program
        with ThreadPoolExecutor(min(self.jobs, len(treatments)) or 1) as pool:
            return list(pool.map(lambda treatment: self._one(program, treatment), treatments))

    def _one(self, program: Program, treatment: Treatment) -> Arm:
        begin = time.monotonic()
        with Sandbox(program.script, program.folder, None, self.has_network) as sandbox:
            arm = train(sandbox, program, treatment, timeout=self.timeout)
        self.trainings += 1
        self.seconds += time.monotonic() - begin
        if arm.end.timed_out:
            raise CannotRun(
                f"{program.target} did not end in {self.timeout:.0f} s; --timeout gives it more."
            )
        return arm

    def fair(self, treatment: Treatment, *, every: int = 0) -> Arm:
        """An arm without a remedy, from which something can be concluded.

        Args:
            treatment: Of the seed only.
            every: As in `train`.

        Raises:
            CannotRun: Nothing can be concluded; the message says why.
        """
        (arm,) = self.train([treatment], every=every)
        reason = arm.unfair(has_network=self.has_network)
        if reason:
            raise CannotRun(f"{self.program.target} cannot be run fairly in a sandbox: {reason}.")
        return arm
