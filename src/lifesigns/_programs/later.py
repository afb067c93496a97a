"""Compiles in a process of its own, for the next time: no run waits for a compiler.

The process has the lowest priority and is nobody's child: who waits for children, or is told when
one ends, never meets it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lifesigns._programs.compiling import compiled

AGAIN = 24 * 3600
"""Seconds after which what could not be compiled is tried again."""
_PR_GET_CHILD_SUBREAPER = 37
"""Asks for that attribute of the process: `prctl(2)`, Linux 3.4."""
_ROOT = Path(__file__).parents[2]
_WORK = "import sys; sys.path.insert(0, sys.argv.pop(1)); import lifesigns._programs.later as later"
_DETACHED = ["sh", "-c", 'nice -n 19 "$@" >/dev/null 2>&1 &', "sh"]


def compile_later(orders: Sequence[Sequence[str]], folder: Path, name: str) -> bool:
    """Has a library compiled, unless that was tried within a day or would show.

    Args:
        orders: Commands; the first that succeeds makes the library.
        folder: Nobody else may write to it, see `make_private`.
        name: Of the library.

    Returns:
        Whether a process was started.

    Raises:
        OSError: It cannot be started, or nothing can be written.
        SubprocessError: It cannot be started.
    """
    if not _is_unseen() or not _is_first(folder / f"{name}.tried"):
        return False
    words = [word for order in orders for word in (str(len(order)), *order)]
    work = [sys.executable, "-c", f"{_WORK}; later.work(*sys.argv[1:])", str(_ROOT)]
    subprocess.run(
        [*_DETACHED, *work, str(folder), name, *words],
        check=True,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        timeout=10,
    )
    return True


def work(folder: str, name: str, *words: str) -> None:
    """What the process does.

    Args:
        folder: Where the library is kept.
        name: Of the library.
        words: Of each order how many words it has, and those words.
    """
    left = list(words)
    while left:
        end = 1 + int(left[0])
        order, left = left[1:end], left[end:]
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            compiled(order, Path(folder), name)
            return


def _is_unseen() -> bool:
    """Whether a process can be started that nothing of the user's notices.

    In a frozen or embedded interpreter `sys.executable` is another program.
    """
    interpreter = Path(sys.executable or "").name.startswith("python")
    told = signal.getsignal(signal.SIGCHLD) is not signal.SIG_DFL
    is_ours = sys.platform == "linux" and interpreter and not hasattr(sys, "frozen")
    return is_ours and not told and not _adopts()


def _adopts() -> bool:
    """Whether orphans become children of this process: the first of a container, a subreaper."""
    answer = ctypes.c_int(1)
    ctypes.CDLL(None).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(answer), 0, 0, 0)
    return os.getpid() == 1 or answer.value != 0


def _is_first(mark: Path) -> bool:
    """Whether nobody has tried it of late; notes that it is tried now."""
    with contextlib.suppress(FileNotFoundError):
        if 0 <= time.time() - mark.stat().st_mtime < AGAIN:
            return False
        mark.unlink(missing_ok=True)
    try:
        mark.touch(mode=0o600, exist_ok=False)
    except FileExistsError:  # another process was faster
        return False
    return True
