"""Compiles the C program for this machine, once, and loads it."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch

from lifesigns._cache import cache_folder, make_private
from lifesigns._errors import UsageError
from lifesigns.lab.engines.c.keeping import digest, keep, kept

SOURCES = Path(__file__).parent
MAIN = SOURCES / "perceptrons.c"
FLAGS = (
    *("-std=gnu11", "-O3", "-march=native", "-ffp-contract=fast"),
    *("-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC"),
)
"""No `-ffast-math`: it assumes that nothing is NaN, and that is what a diverged member is."""
TYPES = {torch.float32: "float", torch.float64: "double"}
PATIENCE = 300
"""Seconds until a command that should compile, and does not end, is given up."""


@cache
def library(dtype: torch.dtype) -> ctypes.CDLL | None:
    """The program for parameters of `dtype`; None where it cannot be compiled.

    Args:
        dtype: float32 or float64.

    Raises:
        UsageError: `$CC` is no command.

    Cost: a second or two of compilation the first time on a machine; the result is kept in the
    user's cache folder, under a digest of sources, compiler and processor.
    """
    order = compiler()
    if order is None or dtype not in TYPES:
        return None
    try:
        return _loaded([*order, *FLAGS, f"-DREAL={TYPES[dtype]}"])
    except (OSError, subprocess.SubprocessError) as error:
        if os.environ.get("CC"):  # who names a compiler expects that it is used
            warnings.warn(
                f"CC={os.environ['CC']} cannot compile the lab's C program: {_reason(error)}. "
                "torch's operations, which are slower, train instead.",
                stacklevel=1,
            )
        return None


def arithmetic(dtype: torch.dtype = torch.float32) -> str:
    """Names what computes, as rounding depends on it: the C program, or torch.

    Args:
        dtype: float32 or float64.

    Returns:
        `C program` with its digest, or `torch's operations`.
    """
    found = library(dtype)
    if found is None:
        return "torch's operations"
    name, _, _ = Path(found._name).name.partition(".")
    return f"C program {name}"


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


def _loaded(order: Sequence[str]) -> ctypes.CDLL:
    """Compiles the sources, unless the program is kept from an earlier time.

    Raises:
        OSError: The compiler cannot be started or makes no program, or there is no folder to write
            to that is this user's alone.
        SubprocessError: It refuses the sources or a flag, or does not end.
    """
    name, folder = _digest(order), cache_folder() / "compiled"
    try:
        make_private(folder)
    except OSError as error:
        warnings.warn(
            f"{error}: what is kept in {folder} is not run, and the lab's C program is compiled "
            "for this run alone. Set XDG_CACHE_HOME to a folder that only you can write to.",
            stacklevel=1,
        )
        with tempfile.TemporaryDirectory(prefix="lifesigns-") as temporary:
            make_private(Path(temporary))
            return ctypes.CDLL(str(_compiled(order, Path(temporary) / f"{name}.so")))
    path = kept(folder, name)
    if path is None:
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            path = keep(_compiled(order, Path(temporary) / "made"), folder, name)
    return ctypes.CDLL(str(path))


def _compiled(order: Sequence[str], path: Path) -> Path:
    _run([*order, "-o", str(path), str(MAIN), "-lm"])
    return path


def _digest(order: Sequence[str]) -> str:
    """Digest of command, sources and the compiler's macros, which name version and processor."""
    macros = _run([*order, "-dM", "-E", str(MAIN)])
    texts = [source.read_bytes() for source in sorted(SOURCES.glob("*.[ch]"))]
    return digest(b"\0".join(["\0".join(order).encode(), macros, *texts]))


def _run(order: Sequence[str]) -> bytes:
    done = subprocess.run(
        order, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE
    )
    return done.stdout


def _reason(error: Exception) -> str:
    """What went wrong: the first line that the compiler wrote, if there is one."""
    said = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip()
    return said.splitlines()[0] if said else str(error)
