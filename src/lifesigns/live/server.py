"""The server's socket, its life and its end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from lifesigns.live.following import POLL, Following

MOST_CONNECTIONS = 64
LAST_WORDS = 10.0
"""Seconds for the last judgement, when the run has ended."""
FAREWELL = 2
"""Seconds for pages to take what they were sent; then they are left."""


async def serve(
    app: ASGIApp, following: Following, listener: socket.socket, is_over: Callable[[], bool]
) -> None:
    """Serves until the run is over and the pages know, or until a signal ends it.

    Args:
        app: What is served.
        following: What it tells of.
        listener: A socket that takes connections; closed at the end.
        is_over: Asked a few times a second.
    """
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            access_log=False,
            lifespan="off",
            limit_concurrency=MOST_CONNECTIONS,
            log_config=None,
            log_level="critical",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=FAREWELL,
            ws="none",
        )
    )
    following_it = asyncio.create_task(following.keep_up())
    ending = asyncio.create_task(
        _end(server, following, lambda: is_over() or following_it.done())
    )
    try:
        await server.serve(sockets=[listener])
    finally:
        ending.cancel()
        if not following_it.cancel():
            following_it.result()  # a bug of ours is shown


async def _end(server: uvicorn.Server, following: Following, is_over: Callable[[], bool]) -> None:
    while not (server.should_exit or is_over()):
        await asyncio.sleep(POLL)
    if not server.should_exit:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(following.say_the_end(), LAST_WORDS)
        server.should_exit = True
    await following.close()
