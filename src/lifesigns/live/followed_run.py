"""The run file as it grows: what is new as texts to send, and the whole as a document."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lifesigns.live.cursor import Cursor
from lifesigns.records import LossCurve, Snapshot, Trace
from lifesigns.records.kept import FOLLOWED, Kept, size_of
from lifesigns.report import Report
from lifesigns.report.page import PageBuilder
from lifesigns.report.page.status import run_of
from lifesigns.rules import Selection
from lifesigns.store.news import News, NewsReader

TOLD_AGAIN = 256
"""Snapshots before the latest that are kept ready to be sent: a page farther behind starts anew."""


@dataclass(frozen=True)
class Update:
    """What was new at one look."""

    run: str
    snapshots: tuple[tuple[int, str], ...]
    """Events by the number of their snapshot."""
    losses: LossCurve
    status: str
    is_whole: bool
    """Whether there is nothing else to be read."""


class FollowedRun:
    """One run file; every method is called by one thread at a time.

    Args:
        path: The run file.
        selection: Which rules are asked.
        builder: Makes an empty builder of a page document.
        is_told: Whether there are pages that are told of snapshots, by events.
    """

    def __init__(
        self,
        path: Path,
        selection: Selection,
        builder: type[PageBuilder] = PageBuilder,
        *,
        is_told: bool = True,
    ) -> None:
        self._path, self._selection, self._new_builder = path, selection, builder
        self._is_told = is_told
        self._begin()

    def _begin(self) -> None:
        self._reader = NewsReader(self._path)
        self._builder = self._new_builder()
        self._kept: Kept[Snapshot] = Kept(FOLLOWED)
        self._news = News(Trace())
        self._losses = LossCurve()
        self._number = 0
        self._is_killed = False
        self._text: tuple[object, str] = (None, "")

    @property
    def cursor(self) -> Cursor:
        """How far it has been read."""
        return Cursor(self._key, self._number, len(self._losses.steps))

    @property
    def is_running(self) -> bool:
        """Whether more is to come."""
        return self._news.state.info.outcome == "running" and not self._is_killed

    def update(self) -> Update | None:
        """Reads what is new; None if nothing is.

        Raises:
            RunFileError: There is no readable run file at the moment.
        """
        if self._reader.is_replaced():
            self._begin()
        # First who writes it, then what was written: a run found dead has nothing else to say.
        killed = self._news.state.info.outcome == "running" and self._reader.is_abandoned()
        if killed == self._is_killed and self._is_whole and not self._reader.may_have_news():
            return None
        self._is_killed, news = killed, self._reader.read()
        if self._number and self._is_another(news):  # under the number of a file that was deleted
            self._begin()
            news = self._reader.read()
        return self._take(news)

    def trace(self) -> Trace:
        """The run as the rules take it: with the snapshots that stay in memory."""
        state, losses, snapshots = self._news.state, self._losses, tuple(self._kept)
        # As `read_run`: a killed run did not get round to noting its last steps.
        seen = max(state.steps, *(s.step for s in snapshots[-1:]), int(losses.steps.max(initial=0)))
        recorded = max(state.recorded, self._kept.recorded)  # a long run's file keeps not all
        return replace(state, snapshots=snapshots, losses=losses, steps=seen, recorded=recorded)

    def report(self, trace: Trace) -> Report:
        """What the rules conclude, or concluded when the run ended; any thread may call.

        Args:
            trace: What `trace` returned.
        """
        return Report.of(trace, self._selection, self._news.findings)

    def judged(self, report: Report) -> dict[str, Any]:
        """What pages are told of a report.

        Args:
            report: What was concluded last.
        """
        return self._builder.judged(report.trace, report.findings, report.ignored)

    def document(self, judged: Report | None) -> dict[str, Any]:
        """The page document of everything that has been read.

        Args:
            judged: What was concluded last; None where nothing was.
        """
        findings, ignored = (judged.findings, judged.ignored) if judged else ((), {})
        return self._builder.document(self.trace(), findings, ignored, killed=self._is_killed)

    def document_text(self, judged: Report | None) -> str:
        """The same as JSON; made once for all pages that ask.

        Args:
            judged: What was concluded last; None where nothing was.
        """
        asked = (self.cursor, self._is_killed, judged)
        if asked != self._text[0]:
            self._text = asked, as_text(self.document(judged))
        return self._text[1]

    @property
    def _key(self) -> str:
        """The same for one run, whoever serves it and however often."""
        identity = f"{self._reader.file}:{self._news.state.info.started}"
        return hashlib.sha256(identity.encode()).hexdigest()[:8]

    @property
    def _is_whole(self) -> bool:
        return self._number >= self._news.latest

    def _is_another(self, news: News) -> bool:
        started = self._news.state.info.started
        return news.latest < self._number or news.state.info.started != started

    def _take(self, news: News) -> Update:
        self._news = news
        events = tuple(self._add(news))
        self._losses = joined(self._losses, news.losses)
        return Update(self._key, events, news.losses, self._status(), self._is_whole)

    def _add(self, news: News) -> Iterator[tuple[int, str]]:
        for number, snapshot in news.snapshots:
            self._number = number
            self._builder.add(snapshot)
            size = size_of(snapshot)
            self._kept.add(snapshot, snapshot.step, size, is_notable=snapshot.is_notable)
            if self._is_told and number > news.latest - TOLD_AGAIN:
                yield number, as_text(self._builder.event(snapshot, number))

    def _status(self) -> str:
        trace, snapshots = self.trace(), self._builder.snapshots
        return as_text(run_of(trace, trace.recorded, snapshots, killed=self._is_killed))


def joined(one: LossCurve, other: LossCurve) -> LossCurve:
    """Two stretches of losses as one.

    Args:
        one: The earlier.
        other: The later; empty where nothing was added.
    """
    if not len(other.steps):
        return one
    return LossCurve(
        np.concatenate([one.steps, other.steps]),
        np.concatenate([one.values, other.values]),
        np.concatenate([one.streams, other.streams]),
    )


def as_text(values: Any) -> str:
    """JSON on one line, as an event holds it.

    Args:
        values: Plain values without NaN and infinities, which JSON does not know.
    """
    return json.dumps(values, allow_nan=False, separators=(",", ":"))
