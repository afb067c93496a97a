"""The program for this machine: compiled once, in the background, and used from the next run on.

A run never waits for a compiler, and never changes from one way of reducing to the other.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from functools import cache
from pathlib import Path

from lifesigns._cache import cache_folder, make_private
from lifesigns._errors import UsageError
from lifesigns._programs import SHARED, compiled, compiler, digest, kept
from lifesigns._programs.later import compile_later
from lifesigns.record.measure.kernel.program import Program

SWITCH = "LIFESIGNS_KERNEL"
"""Environment variable: `off` leaves all to torch; `now` compiles, if need be, before the run."""
SOURCES = Path(__file__).parent
MAIN = SOURCES / "reduce.c"
PROCESSOR = ("vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU ", "isa")
"""How lines of `/proc/cpuinfo` begin that say for which processor a compiler compiles."""


@cache
def program() -> Program | None:
    """The program, if this machine has compiled it; None where torch has to do the work.

    Cost: a millisecond; where nothing was compiled yet, some more to start a process that does it.
    """
    wish = os.environ.get(SWITCH)
    if wish == "off":
        return None
    try:
        return _found(now=wish == "now")
    except (OSError, UsageError, subprocess.SubprocessError):
        return None


def _found(*, now: bool) -> Program | None:
    order = compiler()
    if order is None:
        return None
    folder, name = cache_folder() / "compiled", _name(order)
    make_private(folder)
    path = kept(folder, name)
    if path is None:
        orders = [[*order, *SHARED, *native, str(MAIN)] for native in (["-march=native"], [])]
        path = compiled(orders[0], folder, name) if now else None
        if path is None:
            compile_later(orders, folder, name)
            return None
    return Program(path)


def _name(order: list[str]) -> str:
    """Digest of sources, flags, compiler and processor; starts no process, unlike the lab's."""
    command = Path(shutil.which(order[0]) or "").resolve()
    status = command.stat()
    words = (*order, *SHARED, str(command), str(status.st_size), str(status.st_mtime_ns))
    texts = [source.read_bytes() for source in sorted(SOURCES.glob("*.[ch]"))]
    return digest(b"\0".join(["\0".join(words).encode(), _processor(), *texts]))


def _processor() -> bytes:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            first, _, _ = file.read(16_384).partition("\n\n")
    except OSError:
        first = ""
    lines = [line for line in first.splitlines() if line.startswith(PROCESSOR)]
    return "\n".join([platform.machine(), platform.processor(), *lines]).encode()
