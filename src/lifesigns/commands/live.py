"""`lifesigns live RUN`: the page of a run, while it trains or afterwards."""

from __future__ import annotations

import asyncio
import webbrowser
from contextlib import suppress
from pathlib import Path

from lifesigns._errors import extra
from lifesigns.live.door import LOOPBACK, Door, listen
from lifesigns.live.priority import give_way
from lifesigns.locale.spoken import said
from lifesigns.rules import Selection
from lifesigns.store import read_progress


def live(
    path: Path,
    *,
    host: str = LOOPBACK,
    port: int = 0,
    opened: bool = False,
    selection: Selection | None = None,
) -> int:
    """Serves the page of a run until Ctrl-C.

    Args:
        path: A run file; the run may still be going on.
        host: The address that is listened on.
        port: Its port; 0 for a free one.
        opened: Whether to open the page in a browser of this machine.
        selection: Which rules are asked.

    Returns:
        The exit code, 0.

    Raises:
        RunFileError: There is no readable run file at `path`; the message says why.
        UsageError: The extra is not installed, or the port cannot be listened on.
    """
    with extra("live"):
        from lifesigns.live.opening import open_run
        from lifesigns.live.server import serve
    read_progress(path)
    listener = listen(host, port)
    give_way()
    door = Door(host, listener.getsockname()[1])

    async def run() -> None:
        told = (*door.announcement().splitlines(), "Ctrl-C ends it.")
        print(*map(said, told), sep="\n", flush=True)
        if opened:
            webbrowser.open(door.address)
        app, following = open_run(path, selection or Selection(), door)
        await serve(app, following, listener, is_over=lambda: False)

    with listener, suppress(KeyboardInterrupt):
        asyncio.run(run())
    return 0
