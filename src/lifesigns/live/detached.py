"""The server of `lifesigns run --live`, in a process that the training has nothing to do with.

It is no child of the training process: a script that waits for its children waits for its own, and
Ctrl-C does not reach it. It ends by itself, when the training process has ended in whatever way.

A folder is shared. The training puts `ENDED` into it, and the server removes the folder as its
last act, with the run file if nobody asked to keep that.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lifesigns.live.priority import give_way
from lifesigns.locale.spoken import ENGLISH, said_in

ENDED = "ended"
"""Name of the file that tells that the run file is complete."""
HINDERED = "no live page, the training goes on"
"""What is said where no page can be served."""


@dataclass(frozen=True)
class Order:
    """What a training process asks for."""

    path: str
    """The run file."""
    folder: str
    """The folder that is shared."""
    process: int
    """The process that trains."""
    select: Sequence[str] = ()
    ignore: Sequence[str] = ()
    sites: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The rules that are asked, as in `Selection`."""
    language: str = ENGLISH
    """In which is said where the page is."""


def main() -> None:
    """Serves the order in `sys.argv[1]`; the number of the process is all it prints to stdout.

    The process that was started ends at once, and its child serves.
    """
    server = os.fork()
    if server:
        print(server, flush=True)
        os._exit(0)
    order = Order(**json.loads(sys.argv[1]))
    try:
        _leave_alone()
        _serve(order)
    except Exception as error:
        with suppress(OSError, ValueError):
            text = said_in(order.language, f"{HINDERED}: {error}")
            print(f"lifesigns: {text}", file=sys.stderr)
    finally:
        shutil.rmtree(order.folder, ignore_errors=True)
        os._exit(0)  # a judgement that is going on is of use to nobody


def _leave_alone() -> None:
    """Nothing of the script's is held, but standard error for the one announcement."""
    give_way(alone=True)
    os.chdir("/")
    with open(os.devnull, "r+b", buffering=0) as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 0)
        os.dup2(nowhere.fileno(), 1)


def _serve(order: Order) -> None:
    from lifesigns._errors import extra

    with extra("live"):
        from lifesigns.live.opening import open_run
        from lifesigns.live.server import serve
    from lifesigns.live.door import LOOPBACK, Door, listen
    from lifesigns.rules import Selection

    is_over = _watch(order)
    if is_over():
        return
    listener = listen(LOOPBACK, 0)
    door = Door(LOOPBACK, listener.getsockname()[1])
    selection = Selection.of(order.select, order.ignore, order.sites)
    _say(door.announcement(), order.language)

    async def run() -> None:
        app, following = open_run(Path(order.path), selection, door)
        await serve(app, following, listener, is_over)

    asyncio.run(run())


def _say(text: str, language: str) -> None:
    """The announcement; then standard error is let go, for whoever waits for its end."""
    with suppress(OSError, ValueError):
        for line in text.splitlines():
            print(f"lifesigns: {said_in(language, line)}", file=sys.stderr, flush=True)
    with open(os.devnull, "wb", buffering=0) as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 2)


def _watch(order: Order) -> Callable[[], bool]:
    """Tells whether the training has ended, properly or not."""
    ended = Path(order.folder, ENDED)
    is_gone = _gone(order.process)
    return lambda: not ended.parent.exists() or ended.exists() or is_gone()


def _gone(process: int) -> Callable[[], bool]:
    """Tells whether a process is there no more, even if nobody has asked how it ended."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return lambda: True
    except (AttributeError, OSError):  # not Linux, or an old one
        return lambda: not _is_there(process)
    return lambda: bool(select.select([descriptor], [], [], 0)[0])


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
