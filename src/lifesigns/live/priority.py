"""The training goes first where there are too few processors."""

from __future__ import annotations

import os
from contextlib import suppress

NICENESS = 10


def give_way() -> None:
    """Whatever this process does from now on waits for others, where the system knows of that."""
    with suppress(OSError, AttributeError):
        os.nice(NICENESS)
