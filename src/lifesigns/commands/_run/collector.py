"""Python's garbage collector, which need not look through what a program imports."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def resting_collector() -> Iterator[None]:
    """Collects nothing inside, and never looks at what is there at the end.

    Half a million objects come with torch, and they stay as long as the program. To look through
    them takes a tenth of a second each time: twice while torch is imported, now and then while a
    script starts, once at its end. What a script makes is collected as ever.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
