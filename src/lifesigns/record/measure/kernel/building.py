"""The program for this machine, if it has compiled it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lifesigns._programs import program_here
from lifesigns.record.measure.kernel.program import Program

MAIN = Path(__file__).parent / "reduce.c"


@cache
def program() -> Program | None:
    """The program; None where torch has to do the work."""
    path = program_here(MAIN)
    if path is None:
        return None
    try:
        return Program(path)
    except OSError:
        return None
