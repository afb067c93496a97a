"""The process from which arms are forked: `python -c '… exec(main())' SOCKET MODULES`.

Most of a short training is the start of Python and the import of torch. Here that is done once, up
to the point at which `lifesigns run` begins with the user's script; then each arm is a fork. It
becomes a sandbox, as a new process would (see `_driver`), and the program in it.

Such an arm is as clean as a new interpreter: before the fork no line of the user's has run, nothing
was drawn or computed, and there is neither a thread nor a device that a fork could lose. A process
in which that is not so refuses to serve.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from lifesigns.prove._treated import IMPORTED
from lifesigns.rules import all_rules

if TYPE_CHECKING:
    from lifesigns.prove._driver import Specification

READY = "ready"
"""Said by a process that serves; another one says why it does not."""
LONGEST = 2**12
"""Bytes of a message: longer than any path."""
STREAMS = 3
"""Descriptors of a program that has opened nothing yet."""


def main() -> str:
    """Serves until nobody asks any more. Returns twice, as `drive` does.

    Returns:
        In the process of an arm the text for which it was forked, as given to `python -c`.
    """
    asked = socket.socket(fileno=int(sys.argv[1]))
    _import([*IMPORTED, *sys.argv[2:]])
    known = set(sys.modules)
    from lifesigns.prove._driver import Specification, drive, in_fork

    def become_arm(wanted: Specification) -> bool:
        asked.close()
        os.setsid()
        _print_to(wanted.output)
        is_program = drive(wanted)
        if is_program:
            _forget(known, wanted)
        return is_program

    refusal = _why_not()
    asked.send((refusal or READY).encode())
    server = os.getpid()
    while path := "" if refusal else asked.recv(LONGEST).decode():
        _reap()
        wanted = replace(Specification.read(path), parent=server)
        arm = os.fork()
        if arm:
            asked.send(str(arm).encode())
        elif in_fork(lambda: become_arm(wanted)):  # noqa: B023, called at once
            return wanted.command[2]
    return ""


def _import(modules: Iterable[str]) -> None:
    """Leaves nothing outside this process, which is in no sandbox."""
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    variables, temporary = dict(os.environ), Path(tempfile.gettempdir())
    there = {*temporary.iterdir()}
    gc.disable()
    for name in modules:
        import_module(name)
    all_rules()  # which an arm asks at its end
    gc.freeze()  # or every arm would go through it, and copy it, once more when it ends
    gc.enable()
    sys.dont_write_bytecode = writes
    for name in os.environ.keys() - variables.keys():  # torch has a folder for what it compiles
        folder = Path(os.environ.pop(name))
        if folder.parent == temporary and folder not in there:
            with suppress(OSError):
                folder.rmdir()
    tempfile.tempdir = None  # every arm looks for itself


def _why_not() -> str:
    """Why a fork of this process would not be clean; empty if it is."""
    trial = os.fork()
    if not trial:
        os._exit(sys.modules["torch"].cuda._is_in_bad_fork())
    if os.waitpid(trial, 0)[1]:
        return "a device is in use"
    threads = len([*Path("/proc/self/task").iterdir()])  # those of OpenBLAS ended at the fork
    return f"it has {threads} threads" if threads > 1 else ""


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _print_to(path: Path) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.close(file)


def _forget(known: set[str], wanted: Specification) -> None:
    """Nothing is left of what served, and the process is about to do what it was asked for."""
    for name in sys.modules.keys() - known:
        del sys.modules[name]
    os.closerange(STREAMS, os.sysconf("SC_OPEN_MAX"))
    os.chdir(wanted.folder)
    sys.argv = ["-c", *wanted.command[3:]]
    sys.orig_argv = list(wanted.command)
