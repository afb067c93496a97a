"""Compiles the C program for this machine, once, and loads it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch

from lifesigns._cache import cache_folder, make_private
from lifesigns._programs import SHARED, compiled, compiler, digest, kept, reason, run

SOURCES = Path(__file__).parent
MAIN = SOURCES / "perceptrons.c"
FLAGS = (*SHARED, "-march=native", "-ffp-contract=fast")
TYPES = {torch.float32: "float", torch.float64: "double"}


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
                f"CC={os.environ['CC']} cannot compile the lab's C program: {reason(error)}. "
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
            return ctypes.CDLL(str(compiled([*order, str(MAIN)], Path(temporary), name)))
    return ctypes.CDLL(str(kept(folder, name) or compiled([*order, str(MAIN)], folder, name)))


def _digest(order: Sequence[str]) -> str:
    """Digest of command, sources and the compiler's macros, which name version and processor."""
    macros = run([*order, "-dM", "-E", str(MAIN)])
    texts = [source.read_bytes() for source in sorted(SOURCES.glob("*.[ch]"))]
    return digest(b"\0".join(["\0".join(order).encode(), macros, *texts]))
