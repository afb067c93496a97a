"""What pages are told: each event ready to be sent, and which of them a page has not been sent yet.

Nothing is queued for a page. Each has its place and asks what came after it, so that a slow one is
given what it missed when it is ready for it, and a page more or less costs no memory.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lifesigns.live.cursor import Cursor
from lifesigns.live.followed_run import TOLD_AGAIN, Update, as_text, joined
from lifesigns.records import LossCurve

MOST_LOSSES = 20_000
"""Losses that are told at once: a page that lacks more starts anew."""


@dataclass(frozen=True)
class Told:
    """What one page has been told."""

    cursor: Cursor
    report: int = -1
    """Version of the report."""
    status: int = -1
    """Version of the status."""


class Feed:
    """The events of one run; used by the thread of the server alone."""

    def __init__(self) -> None:
        self._begin("")

    def _begin(self, run: str) -> None:
        self.run = run
        self._events: deque[tuple[int, str]] = deque(maxlen=TOLD_AGAIN)
        self._losses = LossCurve()
        self._report, self._status = _Latest("report"), _Latest("status")

    @property
    def latest(self) -> Told:
        """The place of a page that has been told everything."""
        number = self._events[-1][0] if self._events else 0
        cursor = Cursor(self.run, number, len(self._losses.steps))
        return Told(cursor, self._report.version, self._status.version)

    def add(self, update: Update) -> None:
        """Takes what was read.

        Args:
            update: Of the same run, or of another that took its place.
        """
        if update.run != self.run:
            self._begin(update.run)
        self._events.extend(update.snapshots)
        self._losses = joined(self._losses, update.losses)
        self._status.set(update.status, update.status)

    def judge(self, report: dict[str, Any]) -> None:
        """Takes the report, which is told if it says something else than before.

        Args:
            report: As `PageBuilder.judged` makes it.
        """
        meaning = [report["report"][name] for name in ("findings", "verdict", "coverage")]
        self._report.set(as_text(report), [*meaning, report["layers"]])

    def since(self, told: Told) -> tuple[list[str], Told]:
        """The events that a page has not been told, and its place after them.

        Args:
            told: Its place.

        Returns:
            No events where nothing is new; the one event `reload` where the page has to start anew.
        """
        if not self._reaches(told.cursor):
            return [event("reload", "{}", self.latest.cursor)], self.latest
        events, cursor = [], told.cursor
        for number, text in self._after(cursor.snapshot):
            cursor = cursor._replace(snapshot=number)
            events.append(event("snapshot", text, cursor))
        if cursor.losses < len(self._losses.steps):
            new = _after(self._losses, cursor.losses)
            cursor = cursor._replace(losses=len(self._losses.steps))
            events += [event("losses", text, cursor) for text in _by_stream(new)]
        for latest, version in ((self._report, told.report), (self._status, told.status)):
            if latest.version > version:
                events.append(event(latest.name, latest.text, cursor))
        return events, replace(self.latest, cursor=cursor)

    def _reaches(self, cursor: Cursor) -> bool:
        """Whether everything after a place is at hand."""
        behind = len(self._losses.steps) - cursor.losses
        first, last = (self._events[0][0], self._events[-1][0]) if self._events else (1, 0)
        known = first - 1 <= cursor.snapshot <= last and 0 <= behind <= MOST_LOSSES
        return cursor.run == self.run and known

    def _after(self, number: int) -> list[tuple[int, str]]:
        events = list(self._events)
        return events[bisect_right(events, number, key=lambda one: one[0]) :]


class _Latest:
    """A text of which only the latest counts."""

    def __init__(self, name: str) -> None:
        self.name, self.text, self.version = name, "", -1
        self._meaning: object = None

    def set(self, text: str, meaning: object) -> None:
        """Takes a text; it is news if its meaning is."""
        self.text = text
        if meaning != self._meaning:
            self._meaning, self.version = meaning, self.version + 1


def event(name: str, text: str, cursor: Cursor) -> str:
    r"""One event as a browser's EventSource reads it.

    Args:
        name: Its kind.
        text: Its data: JSON on one line.
        cursor: Where a page is that has been told it.

    Example:
        >>> event("status", "{}", Cursor("5f3a", 17, 4096))
        'id: 5f3a.17.4096\nevent: status\ndata: {}\n\n'
    """
    return f"id: {cursor}\nevent: {name}\ndata: {text}\n\n"


def _after(losses: LossCurve, count: int) -> LossCurve:
    return LossCurve(losses.steps[count:], losses.values[count:], losses.streams[count:])


def _by_stream(losses: LossCurve) -> list[str]:
    """The losses of each stream as data; null for one that is not finite."""
    texts = []
    for stream in np.unique(losses.streams).tolist():
        own = losses.streams == stream
        values = [value if np.isfinite(value) else None for value in losses.values[own].tolist()]
        steps = losses.steps[own].tolist()
        texts.append(as_text({"stream": stream, "steps": steps, "values": values}))
    return texts
