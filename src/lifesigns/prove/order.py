"""What it takes to train one arm, wherever that is done."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from lifesigns.prove.arm import RUN_FILE, Arm, Program, train
from lifesigns.prove.fork_server import ForkServer
from lifesigns.prove.sandbox import Sandbox
from lifesigns.prove.treatment import Treatment


@dataclass(frozen=True)
class Trained:
    """An arm, and what it took."""

    arm: Arm
    seconds: float
    """Of wall time."""
    run: bytes = b""
    """Its run file; empty if it left none."""


@dataclass(frozen=True)
class Order:
    """One arm to be trained; it depends on nothing else, so it may be trained again anywhere."""

    program: Program
    treatment: Treatment
    timeout: float
    has_network: bool = False
    variables: Mapping[str, str] = field(
        default_factory=lambda: dict(os.environ), compare=False, repr=False
    )
    """Of the environment in which it was asked for: that of another machine differs."""

    def carry_out(self, stop: threading.Event, server: ForkServer | None = None) -> Trained:
        """Trains it in a sandbox of its own.

        Args:
            stop: Once it is set, the training is ended at once.
            server: Forks its process; without one that is a new one.

        Raises:
            CannotRun: The sandbox failed.
        """
        begin = time.monotonic()
        program = self.program
        place = program.script, program.folder
        with Sandbox(*place, None, self.has_network, stop, server) as sandbox:
            run_file = sandbox.own / RUN_FILE
            arm = train(
                sandbox, program, self.treatment, timeout=self.timeout, variables=self.variables
            )
            run = run_file.read_bytes() if run_file.exists() else b""
        return Trained(arm, time.monotonic() - begin, run)
