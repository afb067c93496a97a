"""A program under the eye of lifesigns."""

from functools import cache

import pytest

import lifesigns
from lifesigns.rules._engine import FAILED

EVERY = 7
"""Records each seventh step: it divides no period of the programs."""


@cache
def watched(program, **flags):
    """The measure that a program reaches, and the report on it."""
    if not program.runnable:
        pytest.skip(f"{program.needs} is not installed")
    with lifesigns.watch(every=EVERY, strict=True) as watcher:
        value = program.run(**flags)
    failed = [f.symptom for f in watcher.findings if f.rule == FAILED]
    assert not failed, "a rule could not judge the program"
    return value, watcher.report
