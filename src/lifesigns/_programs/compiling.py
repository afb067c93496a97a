"""Finds a C compiler and runs it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lifesigns._errors import UsageError
from lifesigns._programs.keeping import keep

SHARED = (
    *("-std=gnu11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd"),
    *("-shared", "-fPIC"),
)
"""For a library that is fast. No `-ffast-math`: it assumes that nothing is NaN."""
PATIENCE = 300
"""Seconds until a command that should compile, and does not end, is given up."""


def compiler() -> list[str] | None:
    """The command of a C compiler: `$CC`, or one that is installed; None if there is none.

    Raises:
        UsageError: `$CC` is no command.
    """
    given = os.environ.get("CC", "")
    try:
        named = shlex.split(given)
    except ValueError as error:
        raise UsageError(
            f"The environment variable CC is {given!r}, which is no command: {error}. "
            "A compiler is expected, such as CC=gcc; without CC the usual ones are tried."
        ) from error
    usual = ([name] for name in ("cc", "gcc", "clang"))
    found = (order for order in (named, *usual) if order and shutil.which(order[0]))
    return next(found, None)


def compiled(order: Sequence[str], folder: Path, name: str) -> Path:
    """Compiles a library into a folder, where it appears at once or not at all.

    Args:
        order: Command, flags and sources.
        folder: Nobody else may write to it, see `make_private`.
        name: Of the library; the file's name adds a digest of what is in it.

    Raises:
        OSError: The compiler cannot be started or makes no library, or nothing can be written.
        SubprocessError: It refuses the sources or a flag, or does not end.
    """
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        made = Path(temporary) / "made"
        run([*order, "-o", str(made), "-lm"])
        return keep(made, folder, name)


def run(order: Sequence[str]) -> bytes:
    """What a command writes to its standard output.

    Args:
        order: The command and its arguments.

    Raises:
        OSError: It cannot be started.
        SubprocessError: It fails, or does not end within `PATIENCE`.
    """
    done = subprocess.run(
        order, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE
    )
    return done.stdout


def reason(error: Exception) -> str:
    """What went wrong: the first line that the compiler wrote, if there is one.

    Args:
        error: Of a command that was run.
    """
    said = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip()
    return said.splitlines()[0] if said else str(error)
