"""Runs a program again in a sandbox and says whether it repeats, and what it does to files."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from lifesigns.prove.arm import Arm, Program, train
from lifesigns.prove.changes import Changes, between, look
from lifesigns.prove.copies import CannotRun
from lifesigns.prove.identity import Identity, Verdict, identity
from lifesigns.prove.sandbox import Sandbox
from lifesigns.records import Trace

SLOWER = 10.0
"""Times as long as the recorded run an arm may take."""
START = 120.0
"""Seconds for what is not training: imports, data."""
LONGEST = 3600.0
"""Seconds for an arm of a program that nobody has timed."""


@dataclass(frozen=True)
class Repetition:
    """What was found out."""

    identity: Identity
    arms: tuple[Arm, ...]
    outside: Changes
    """Files of the program's trees that changed meanwhile, outside of the sandbox."""
    looked_at: int
    """How many files of the trees were compared for that."""
    trees: tuple[Path, ...]
    unequal: tuple[str, ...]
    """What could not be as in the recorded run."""
    warning: str
    """What was not protected."""

    @property
    def repeats(self) -> bool:
        """Whether the run repeats to the bit."""
        return self.identity.verdict is Verdict.IDENTICAL


def repeat(
    program: Program,
    recorded: Trace | None = None,
    *,
    timeout: float | None = None,
    has_network: bool = False,
    keep: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Repetition:
    """Trains a program in a sandbox and compares: with a recorded run, or twice with itself.

    Args:
        program: What to train.
        recorded: The run to be repeated; without one, two arms are compared.
        timeout: Seconds for an arm; by default ten times what the recorded run took, or an hour.
        has_network: Whether arms may use the network.
        keep: A new folder in which the sandbox and all that was written stay.
        say: Is told what goes on.

    Raises:
        CannotRun: Nothing can be concluded; the message says why.
    """
    seconds = seconds_for(recorded) if timeout is None else timeout
    with Sandbox(program.script, program.folder, keep, has_network) as sandbox:
        say(sandbox.warning())
        before = look(sandbox.trees)
        trained = _arms(sandbox, program, recorded, seconds, say)
        found, arms = _compared(recorded, trained)
        return Repetition(
            found,
            arms,
            between(before, look(sandbox.trees)),
            len(before),
            tuple(sandbox.trees),
            tuple(_unequal(program, recorded, sandbox)),
            sandbox.warning(),
        )


def _arms(
    sandbox: Sandbox,
    program: Program,
    recorded: Trace | None,
    seconds: float,
    say: Callable[[str], None],
) -> Iterator[Arm]:
    for number in (1, 2):
        say(f"Training in a sandbox, arm {number}.")
        arm = train(sandbox, program, timeout=seconds)
        as_recorded = recorded is not None and arm.how == recorded.info.outcome
        reason = arm.unfair(has_network=sandbox.has_network, as_recorded=as_recorded)
        if reason:
            raise CannotRun(f"{program.target} cannot be run fairly in a sandbox: {reason}.")
        yield arm


def _compared(recorded: Trace | None, trained: Iterator[Arm]) -> tuple[Identity, tuple[Arm, ...]]:
    """Trains once, and a second time only where that tells something."""
    first = next(trained)
    if recorded is not None:
        found = identity(recorded, _trace(first))
        if found.verdict is Verdict.IDENTICAL:
            return found, (first,)
    second = next(trained)
    traces = [_trace(first), _trace(second)]
    return identity(*traces if recorded is None else (recorded, *traces)), (first, second)


def _trace(arm: Arm) -> Trace:
    """Of an arm that was found fair, so that it has one."""
    assert arm.trace is not None
    return arm.trace


def seconds_for(recorded: Trace | None) -> float:
    """How long an arm may take, in seconds.

    Args:
        recorded: A run of the same program; None if nobody has timed it.
    """
    if recorded is None:
        return LONGEST
    return START + SLOWER * (recorded.cost.training + recorded.cost.watching)


def _unequal(program: Program, recorded: Trace | None, sandbox: Sandbox) -> Iterator[str]:
    yield "there is no terminal"
    if not sandbox.has_network and not sandbox.is_copy:
        yield "there is no network"
    yield "trackers and hubs are told to stay offline"
    if sandbox.is_copy:
        yield "the working directory is a copy"
    if recorded is not None:
        yield from _since(program, recorded)


def _since(program: Program, recorded: Trace) -> Iterator[str]:
    """What has changed since the run was recorded."""
    for name, former in recorded.info.versions.items():
        now = _version(name)
        if now != former:
            yield f"{name} is {now} and was {former}"
    if program.script is not None and _changed_since(program.script, recorded.info.started):
        yield f"{program.target} was changed after the run was recorded"


def _version(name: str) -> str:
    return platform.python_version() if name == "python" else version(name)


def _changed_since(path: Path, started: str) -> bool:
    try:
        changed = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
        return changed > datetime.fromisoformat(started)
    except (OSError, ValueError):
        return False
