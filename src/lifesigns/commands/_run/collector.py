"""Python's garbage collector, which need not look through what a program imports."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def resting_collector() -> Iterator[None]:
    """Collects nothing inside; what is there at the end counts as old.

    Half a million objects come with torch, and they stay as long as the program. To look through
    them takes a tenth of a second each time, twice while torch is imported. What somebody has
    frozen stays so: then they have come already.
    """
    enabled, frozen = gc.isenabled(), gc.get_freeze_count()
    gc.disable()
    try:
        yield
    finally:
        if not frozen:
            gc.freeze()
            gc.unfreeze()  # into the oldest generation, where a script finds them as it does alone
        if enabled:
            gc.enable()
