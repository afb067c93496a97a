"""The training goes first where there are too few processors."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

NICENESS = 10
OF_SESSION = Path("/proc/self/autogroup")
"""The niceness of the session, where Linux shares processors among sessions first ("autogroup")."""


def give_way(*, alone: bool = False) -> None:
    """Whatever this process does from now on waits for others, where the system knows of that.

    Args:
        alone: Whether the session is this process's own: others would wait with it.
    """
    with suppress(OSError, AttributeError):
        os.nice(NICENESS)
    if alone:
        with suppress(OSError):
            OF_SESSION.write_text(str(NICENESS), encoding="ascii")
