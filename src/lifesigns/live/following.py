"""One task reads the run file and one judges it, whoever looks, and only while somebody does."""

from __future__ import annotations

import asyncio
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
REST, BEAT = 64, 1.5
"""After a judgement it rests so many times as long, but begins the next within so many seconds."""
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
        self._reader, self._judge = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        self._reading: asyncio.Task[RunFileError | None] | None = None
        self._judging: asyncio.Task[None] | None = None
        self._unjudged = asyncio.Event()
        self._judged: Report | None = None
        self._news = asyncio.Event()
        self._pages = 0
        self._ended = False

    async def keep_up(self) -> None:
        """Reads and judges until it is cancelled."""
        await asyncio.gather(self._keep_reading(), self._keep_judging())

    async def document(self) -> tuple[str, Cursor]:
        """The page as JSON, and its place; everything written so far is in it.

        Raises:
            RunFileError: There is no readable run file at the moment.
        """
        error = await self._catch_up()
        if error:
            raise error
        if self._judged is None:
            await self._judge_what_is_new()
        return await self._read(lambda: (self._run.document_text(self._judged), self._run.cursor))

    async def events(self, after: Cursor) -> AsyncIterator[str]:
        """What is new after a place, as it comes; ends when the page has to start anew.

        Args:
            after: What the page has been told.
        """
        self._pages += 1
        try:
            await self._catch_up()
            async for events in self._batches(Told(after)):
                yield "".join(events)
        finally:
            self._pages -= 1

    async def say_the_end(self) -> None:
        """Tells the pages how the run ended, and then nothing else."""
        if self._pages:
            await self._catch_up()
            while self._unjudged.is_set():
                await self._judge_what_is_new()
        self.close()

    def close(self) -> None:
        """Ends the events of all pages."""
        self._ended = True
        self._tell()

    async def _batches(self, told: Told) -> AsyncIterator[list[str]]:
        while True:
            news = self._news
            events, told = self._feed.since(told)
            if events:
                yield events
            if self._ended or (events and events[0].find("\nevent: reload\n") > 0):
                return
            try:
                await asyncio.wait_for(news.wait(), HEARTBEAT)
            except asyncio.TimeoutError:
                yield [":\n\n"]

    async def _keep_reading(self) -> None:
        while True:
            if self._pages:
                await self._catch_up()
            await asyncio.sleep(POLL)

    async def _keep_judging(self) -> None:
        """Judges when something is new; the processors are for the training first of all."""
        while True:
            await self._unjudged.wait()
            began = time.monotonic()
            await self._judge_what_is_new()
            took = time.monotonic() - began
            await asyncio.sleep(max(took, min(REST * took, BEAT - took)))

    async def _catch_up(self) -> RunFileError | None:
        """Reads to the end of the file, once for all who ask meanwhile.

        A task of its own, because a page may go away at any moment, and what was read is read once.
        """
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_all())
        return await asyncio.shield(self._reading)

    async def _judge_what_is_new(self) -> None:
        """As `_catch_up`: once for all, whoever goes away."""
        if self._judging is None or self._judging.done():
            self._judging = asyncio.create_task(self._judge_all())
        await asyncio.shield(self._judging)

    async def _read_all(self) -> RunFileError | None:
        """Returns what keeps it from reading: locked, or gone for now; the next look will tell."""
        try:
            while (update := await self._read(self._run.update)) is not None:
                if update.run != self._feed.run:
                    self._judged = None
                self._feed.add(update)
                if update.is_whole:
                    self._unjudged.set()
                    self._tell()
                    break
        except RunFileError as error:
            return error
        return None

    async def _judge_all(self) -> None:
        self._unjudged.clear()
        trace, run = await self._read(lambda: (self._run.trace(), self._run.cursor.run))
        report = await _in(self._judge, lambda: self._run.report(trace))
        if run == self._feed.run:
            self._judged = report
            self._feed.judge(await self._read(lambda: self._run.judged(report)))
            self._tell()

    def _tell(self) -> None:
        """Wakes the pages that wait; from now on they wait for the next news."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _read(self, call: Callable[[], T]) -> T:
        return await _in(self._reader, call)


async def _in(thread: ThreadPoolExecutor, call: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, call)
