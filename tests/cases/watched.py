"""A program under the eye of lifesigns."""

from functools import cache

import pytest

import lifesigns

EVERY = 7
"""Records each seventh step: it divides no period of the programs."""


@cache
def watched(program, **flags):
    """The measure that a program reaches, and the report on it."""
    if not program.runnable:
        pytest.skip(f"{program.needs} is not installed")
    with lifesigns.watch(every=EVERY, strict=True) as watcher:
        value = program.run(**flags)
    return value, watcher.report
