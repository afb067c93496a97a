"""Arms of a proof begin where Python and torch are loaded: they are forked from one process.

Only the first training of a proof, by which the others are measured, is a process of its own. An
identical arm has to repeat it to the bit, or arms are not forked (see `_Proving`).
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lifesigns.prove._fork_server import LONGEST, READY
from lifesigns.prove.places import PATIENCE

SERVE = (
    "import sys; sys.path[:1] = filter(None, sys.path[:1]); "
    "from lifesigns.prove._fork_server import main; exec(main())"
)
"""At the top of the process, so that an arm's program has no function of ours around it."""
LONGEST_START = 300.0
"""Seconds in which Python and torch have to be loaded."""


@dataclass
class Forked:
    """A process that the server has forked for us; it answers as `subprocess.Popen` does."""

    descriptor: int
    """Of the process, whose number might by now be that of another one."""

    def poll(self) -> int | None:
        """0 once it has ended; how, its result says."""
        return 0 if select.select([self.descriptor], [], [], 0)[0] else None

    def wait(self, timeout: float | None = None) -> None:
        """Until it has ended.

        Args:
            timeout: Seconds, after which it is waited for no longer.
        """
        select.select([self.descriptor], [], [], timeout)

    def kill(self) -> None:
        """Ends it, and with it all below it."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.descriptor, signal.SIGKILL)

    terminate = kill

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self.descriptor)


@dataclass
class ForkServer:
    """Loads what arms need, and forks them; nothing happens before it is told to `load`.

    Args:
        environment: Of all arms.
        folder: In which they run.

    Example:
        >>> server = ForkServer(dict(os.environ), Path.cwd())
        >>> server.refusal
        'it was not asked to'
    """

    environment: Mapping[str, str]
    folder: Path
    seconds: float = field(default=0.0, init=False)
    """That loading took, and that each fork spares."""
    refusal: str = field(default="it was not asked to", init=False)
    """Why it does not serve; empty if it does."""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _asking: socket.socket = field(init=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, init=False)

    def load(self, modules: Sequence[str] = ()) -> None:
        """Starts the process and waits until it can serve; if it cannot, `refusal` says why.

        Args:
            modules: That it imports beside torch and lifesigns.
        """
        if self._process is not None or not can_hold():
            return
        begin = time.monotonic()
        self._asking, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._asking.settimeout(LONGEST_START)
        # Standard streams such as arms have: files, and no terminal.
        with theirs, tempfile.TemporaryFile() as printed:
            self._process = subprocess.Popen(
                [sys.executable, "-c", SERVE, str(theirs.fileno()), *modules],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                env=dict(self.environment),
                cwd=self.folder,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        said = self._answer()
        self.seconds = time.monotonic() - begin
        if said == READY:
            self.refusal = ""
        else:
            self.close()
            self.refusal = said or "it has ended by itself"

    def close(self) -> None:
        """Ends the process."""
        self.refusal = "it was told to end"
        if self._process is not None and self._process.returncode is None:
            self._asking.close()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def serves(self, command: Sequence[str], environment: Mapping[str, str]) -> bool:
        """Whether it can fork a process that does what this command would do.

        Args:
            command: Program and arguments.
            environment: All its variables.
        """
        is_text = list(command[:2]) == [sys.executable, "-c"]
        return not self.refusal and is_text and environment == self.environment

    def fork(self, specification: Path) -> Forked | None:
        """Starts a sandbox; None if that cannot be done any more.

        Args:
            specification: As written for the process that becomes the sandbox.
        """
        # What has ended is forgotten when the next one is asked for: the number is still its own.
        with self._turn, suppress(OSError):
            self._asking.send(os.fsencode(specification))
            if number := self._answer():
                return Forked(os.pidfd_open(int(number)))
        return None

    def _answer(self) -> str:
        """Nothing if the process has ended."""
        with suppress(OSError):
            return self._asking.recv(LONGEST).decode()
        return ""


def can_hold() -> bool:
    """Whether a process can be held by a descriptor: before it is forked, for it would be lost."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):  # not Linux, or forbidden in this container
        return False
    return True
