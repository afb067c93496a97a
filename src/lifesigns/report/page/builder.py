"""Builds a page document from a run that is handed over piece by piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import ref

from lifesigns.records import Finding, Snapshot, Trace
from lifesigns.report.as_json import to_json
from lifesigns.report.page.arrays import pack
from lifesigns.report.page.composition import history_of, places_of
from lifesigns.report.page.events import event_of
from lifesigns.report.page.history import History
from lifesigns.report.page.losses import losses
from lifesigns.report.page.reading import Reading, read
from lifesigns.report.page.status import run_of
from lifesigns.report.page.words import titles, words

SCHEMA = {"name": "lifesigns-page", "version": 1}
"""The version grows when a reader of the old form would misread the new one."""


class PageBuilder:
    """Takes snapshots in the order of training, and makes the document at any time.

    Its memory is bounded whatever the length of the run, so that a run file can be streamed through
    it: no snapshot is kept, only the last one's numbers, and columns, of which there are at most
    `2 * axis.MOST_COLUMNS`. That is 128 MiB for all maps (`maps.HELD`; networks of more than
    80,000 units have fewer columns), twice that for a moment while room is made, 22 kB for each
    layer and 10 kB for each parameter.

    Cost: 2 to 3 ms for each snapshot of 300 sites with 512 units (`benchmarks/page.py`).
    """

    def __init__(self) -> None:
        self._history = History()
        self._latest: tuple[ref[Snapshot], Reading] | None = None

    @property
    def snapshots(self) -> int:
        """How many were added."""
        return self._history.snapshots

    def add(self, snapshot: Snapshot) -> None:
        """Takes the next snapshot in.

        Args:
            snapshot: Of the step of the last one or of a later step.
        """
        self._latest = ref(snapshot), self._history.add(snapshot)

    def event(self, snapshot: Snapshot, number: int | None = None) -> dict[str, Any]:
        """What a live page is told of a snapshot; its size depends on the network alone.

        Args:
            snapshot: One that was added; of the last one nothing is computed again.
            number: Of the snapshot in its run file; by default that of the last one, from 0 on.
        """
        if self._latest is not None and self._latest[0]() is snapshot:
            reading = self._latest[1]
        else:
            reading = read(snapshot, self._history.layout)
        return event_of(reading, self._history, self.snapshots - 1 if number is None else number)

    def judged(
        self, trace: Trace, findings: Sequence[Finding], ignored: Mapping[str, int]
    ) -> dict[str, Any]:
        """What a live page is told when it was judged: the report, and where its findings stand.

        Args:
            trace: As for `document`, like the arguments that follow.
            findings: Most important first.
            ignored: How many findings of each rule were set aside.
        """
        places = places_of(self._history, findings)
        report = to_json(trace, findings, ignored)
        said = words(findings, report)
        return {"report": report, "words": said, "titles": titles(findings), **places}

    def document(
        self,
        trace: Trace,
        findings: Sequence[Finding],
        ignored: Mapping[str, int] | None = None,
        *,
        killed: bool = False,
    ) -> dict[str, Any]:
        """The document of what was added so far, as docs/page-document.md describes it.

        Args:
            trace: The run, with all its losses; of its snapshots those that were kept are enough.
            findings: Most important first.
            ignored: How many findings of each rule were set aside; None for none.
            killed: Whether nobody writes the file of a run that never said it had ended.
        """
        history, report = self._history, to_json(trace, findings, ignored)
        return {
            "schema": SCHEMA,
            "report": report,
            "words": words(findings, report),
            "titles": titles(findings),
            "run": run_of(trace, history.steps, history.snapshots, killed=killed),
            "losses": losses(trace),
            "evaluated": pack(trace.evaluated, "int32"),
            **history_of(history, findings),
        }


def document(
    trace: Trace,
    findings: Sequence[Finding],
    ignored: Mapping[str, int] | None = None,
    *,
    killed: bool = False,
) -> dict[str, Any]:
    """The page document of a run that is in memory, as strict JSON values.

    Args:
        trace: The run.
        findings: Most important first.
        ignored: How many findings of each rule were set aside; None for none.
        killed: Whether it is of a file that nobody writes though it never said it had ended.

    Example:
        >>> empty = document(Trace(), ())
        >>> empty["schema"]["name"], empty["run"]["status"], empty["layers"]
        ('lifesigns-page', 'running', [])
    """
    builder = PageBuilder()
    for snapshot in trace.snapshots:
        builder.add(snapshot)
    return builder.document(trace, findings, ignored, killed=killed)
