"""Compiles the C program for this machine, once, and loads it."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch

from lifesigns._cache import cache_folder

SOURCES = Path(__file__).parent
MAIN = SOURCES / "perceptrons.c"
FLAGS = (
    *("-std=gnu11", "-O3", "-march=native", "-ffp-contract=fast"),
    *("-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC"),
)
"""No `-ffast-math`: it assumes that nothing is NaN, and that is what a diverged member is."""
TYPES = {torch.float32: "float", torch.float64: "double"}


@cache
def library(dtype: torch.dtype) -> ctypes.CDLL | None:
    """The program for parameters of `dtype`; None where it cannot be compiled.

    Cost: a second or two of compilation the first time on a machine; the result is kept in the
    user's cache folder, under a digest of sources, compiler and processor.
    """
    order = compiler()
    if order is None or dtype not in TYPES:
        return None
    try:
        return ctypes.CDLL(str(built([*order, *FLAGS, f"-DREAL={TYPES[dtype]}"])))
    except (OSError, subprocess.SubprocessError):
        return None


def arithmetic(dtype: torch.dtype = torch.float32) -> str:
    """What multiplies and adds: with other arithmetic, numbers differ by rounding."""
    found = library(dtype)
    return "torch's operations" if found is None else f"C program {Path(found._name).stem}"


def compiler() -> list[str] | None:
    """The command of a C compiler: `$CC`, or else what is usual; None if there is none."""
    named = shlex.split(os.environ.get("CC", ""))
    usual = ([name] for name in ("cc", "gcc", "clang"))
    found = (order for order in (named, *usual) if order and shutil.which(order[0]))
    return next(found, None)


def built(order: Sequence[str]) -> Path:
    """The file that a compiler's command makes of the sources; made if it is not there yet.

    Raises:
        OSError: The compiler cannot be started, or nothing can be written to the cache folder.
        SubprocessError: It refuses the sources or a flag.
    """
    path = cache_folder() / "compiled" / f"{_digest(order)}.so"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            made = Path(folder) / path.name
            _run([*order, "-o", str(made), str(MAIN), "-lm"])
            made.replace(path)
    return path


def _digest(order: Sequence[str]) -> str:
    """Of all that decides what is made; the compiler's macros tell its version and processor."""
    macros = _run([*order, "-dM", "-E", str(MAIN)])
    texts = [source.read_bytes() for source in sorted(SOURCES.glob("*.[ch]"))]
    parts = ["\0".join(order).encode(), macros, *texts]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _run(order: Sequence[str]) -> bytes:
    done = subprocess.run(order, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return done.stdout
