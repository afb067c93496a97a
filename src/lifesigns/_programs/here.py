"""The program for this machine: compiled once, in the background, and used from the next run on.

A run never waits for a compiler, and never changes from one way of doing its work to the other.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from lifesigns._cache import cache_folder, make_private
from lifesigns._errors import UsageError
from lifesigns._programs.compiling import SHARED, compiled, compiler
from lifesigns._programs.keeping import digest, kept
from lifesigns._programs.later import compile_later

SWITCH = "LIFESIGNS_KERNEL"
"""Environment variable: `off` leaves all to Python and torch; `now` compiles, if need be, before
the run."""
PROCESSOR = ("vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU ", "isa")
"""How lines of `/proc/cpuinfo` begin that say for which processor a compiler compiles."""


def program_here(main: Path, flags: Sequence[str] = ()) -> Path | None:
    """A shared library, if this machine has compiled it; None where it has to be done without.

    Args:
        main: The source that is compiled; what else lies in its folder, it may include.
        flags: For the compiler, beside the usual.

    Cost: a millisecond; where nothing was compiled yet, some more to start a process that does it.
    """
    wish = os.environ.get(SWITCH)
    if wish == "off":
        return None
    try:
        return _found(main, flags, now=wish == "now")
    except (OSError, UsageError, subprocess.SubprocessError):
        return None


def _found(main: Path, flags: Sequence[str], *, now: bool) -> Path | None:
    order = compiler()
    if order is None:
        return None
    folder, name = cache_folder() / "compiled", name_of(order, main, flags)
    make_private(folder)
    path = kept(folder, name)
    if path is not None:
        return path
    orders = [[*order, *SHARED, *native, *flags, str(main)] for native in (["-march=native"], [])]
    if now:
        return compiled(orders[0], folder, name)
    compile_later(orders, folder, name)
    return None


def name_of(order: Sequence[str], main: Path, flags: Sequence[str]) -> str:
    """Digest of sources, flags, compiler and processor; starts no process, unlike the lab's.

    Args:
        order: The compiler's command.
        main: The source that is compiled.
        flags: Beside the usual.
    """
    command = Path(shutil.which(order[0]) or "").resolve()
    status = command.stat()
    words = (*order, *SHARED, *flags, str(command), str(status.st_size), str(status.st_mtime_ns))
    texts = [source.read_bytes() for source in sorted(main.parent.glob("*.[ch]"))]
    return digest(b"\0".join(["\0".join(words).encode(), _processor(), *texts]))


@cache
def _processor() -> bytes:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            first, _, _ = file.read(16_384).partition("\n\n")
    except OSError:
        first = ""
    lines = [line for line in first.splitlines() if line.startswith(PROCESSOR)]
    return "\n".join([platform.machine(), platform.processor(), *lines]).encode()
