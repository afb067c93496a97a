"""One task reads the run file and one judges it, whoever looks, and only while somebody does."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from lifesigns._errors import RunFileError
from lifesigns.live.cursor import Cursor
from lifesigns.live.feed import Feed, Told
from lifesigns.live.followed_run import FollowedRun
from lifesigns.report import Report

POLL = 0.25
"""Seconds between two looks at the file."""
HEARTBEAT = 15.0
"""Seconds after which a page is sent an empty line: a connection that broke is noticed then."""

T = TypeVar("T")


class Following:
    """Follows a run for all pages; its methods are called in the event loop.

    Args:
        run: The run; it is read in a thread of its own.
    """

    def __init__(self, run: FollowedRun) -> None:
        self._run, self._feed = run, Feed()
        self._reading, self._judging = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        self._pages = 0
        self._news = asyncio.Condition()
        self._unjudged = asyncio.Event()
        self._judged: Report | None = None
        self._one_reading, self._one_judgement = asyncio.Lock(), asyncio.Lock()
        self._ended = False

    async def keep_up(self) -> None:
        """Reads and judges until it is cancelled."""
        await asyncio.gather(self._keep_reading(), self._keep_judging())

    async def document(self) -> tuple[str, Cursor]:
        """The page as JSON, and its place; everything written so far is in it.

        Raises:
            RunFileError: There is no readable run file at the moment.
        """
        await self._catch_up()
        async with self._one_judgement:
            if self._judged is None:
                await self._judge()
        return await self._read(self._made)

    async def events(self, after: Cursor) -> AsyncIterator[str]:
        """What is new after a place, as it comes; ends when the page has to start anew.

        Args:
            after: What the page has been told.
        """
        self._pages += 1
        try:
            await self._try_to_catch_up()
            async for events in self._batches(Told(after)):
                yield "".join(events)
        finally:
            self._pages -= 1

    async def say_the_end(self) -> None:
        """Tells the pages how the run ended, and then nothing else."""
        if self._pages:
            await self._try_to_catch_up()
            async with self._one_judgement:
                await self._judge()
        await self.close()

    async def close(self) -> None:
        """Ends the events of all pages."""
        self._ended = True
        await self._tell()

    async def _batches(self, told: Told) -> AsyncIterator[list[str]]:
        while True:
            events, after = self._feed.since(told)
            if events:
                yield events
            if self._ended or (events and events[0].find("\nevent: reload\n") > 0):
                return
            told = after
            if not await self._is_news_to(told):
                yield [":\n\n"]

    async def _is_news_to(self, told: Told) -> bool:
        """Waits until a page has to be told something, or has to be shown that we are there."""
        with contextlib.suppress(asyncio.TimeoutError):
            async with self._news:
                waiting = self._news.wait_for(lambda: self._ended or self._feed.latest != told)
                await asyncio.wait_for(waiting, HEARTBEAT)
                return True
        return False

    async def _try_to_catch_up(self) -> None:
        with contextlib.suppress(RunFileError):  # locked, or gone: the next look will tell
            await self._catch_up()

    async def _catch_up(self) -> None:
        """Reads to the end of the file; who comes while it is read waits, and finds it read."""
        async with self._one_reading:
            while (update := await self._read(self._run.update)) is not None:
                if update.run != self._feed.run:
                    self._judged = None
                self._feed.add(update)
                if update.is_whole:
                    self._unjudged.set()
                    await self._tell()
                    return

    async def _keep_reading(self) -> None:
        while True:
            if self._pages:
                await self._try_to_catch_up()
            await asyncio.sleep(POLL)

    async def _keep_judging(self) -> None:
        """Judges when something is new; it rests for as long as it worked."""
        while True:
            await self._unjudged.wait()
            began = time.monotonic()
            async with self._one_judgement:
                if self._unjudged.is_set():
                    await self._judge()
            await asyncio.sleep(time.monotonic() - began)

    async def _judge(self) -> None:
        self._unjudged.clear()
        trace, run = await self._read(lambda: (self._run.trace(), self._run.cursor.run))
        report = await self._in(self._judging, lambda: self._run.report(trace))
        if run == self._feed.run:
            self._judged = report
            self._feed.judge(await self._read(lambda: self._run.judged(report)))
            await self._tell()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    def _made(self) -> tuple[str, Cursor]:
        return self._run.document(self._judged), self._run.cursor

    async def _read(self, call: Callable[[], T]) -> T:
        return await self._in(self._reading, call)

    @staticmethod
    async def _in(thread: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(thread, call)
