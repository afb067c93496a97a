"""Delivers the reports on a script that several processes run together: one for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lifesigns._ranks import PLACE, Rank, filled, placed
from lifesigns.commands._run.delivery import Delivery
from lifesigns.commands._run.meeting import Meeting, meeting
from lifesigns.commands._run.signals import PutOff
from lifesigns.locale.spoken import said
from lifesigns.report import Report
from lifesigns.rules import Selection


def in_ranks(
    delivery: Delivery, save: Path | None, selection: Selection, rank: Rank
) -> tuple[Delivery | Together, Path | None]:
    """How one of several processes delivers its report, and where it writes its run file.

    Args:
        delivery: As for a process that trains alone.
        save: Where the user wants run files.
        selection: Which rules are asked.
        rank: Which of the processes this is.
    """
    place = meeting(save, rank, delivery.say)
    own = delivery.at(lambda path: filled(path, rank) if PLACE in str(path) else None)
    joint = delivery.at(lambda path: None if PLACE in str(path) else path)
    run_file = place.run_file if place else save and placed(save, rank)
    return Together(own, joint, place, selection, save), run_file


class Together:
    """Delivers what one process has seen, and in the first of them what all have.

    A file with `{rank}` in its name holds the report of one process; any other file, and standard
    error, the joined one.

    Args:
        own: For the report of this process.
        joint: For the report on all.
        place: Where the processes meet; None if they cannot.
        selection: Which rules are asked.
        save: Where the user wants run files.
    """

    def __init__(
        self,
        own: Delivery,
        joint: Delivery,
        place: Meeting | None,
        selection: Selection,
        save: Path | None,
    ) -> None:
        self._own, self._joint, self.place = own, joint, place
        self._selection, self._save = selection, save
        self.stdout, self.stderr, self.say = own.stdout, own.stderr, own.say

    def __call__(self, made: Callable[[], Report]) -> Report | None:
        """Makes and delivers the report of this process, then that of all.

        Args:
            made: Makes the report of this process.
        """
        place = self.place
        if place is None:
            return self._own(made)
        with PutOff() as signals:
            own = replace(self._own, prints=False)(made)
            place.end()
            if own is not None:
                is_ending = own.trace.info.outcome.startswith("ended by")
                self._deliver(own, place, lambda: is_ending or signals.has_come)
            place.close()
        return own

    def _deliver(self, own: Report, place: Meeting, is_hurried: Callable[[], bool]) -> None:
        if place.leads:
            self._joint(lambda: place.join(own, self._selection, is_hurried))
            if self._save is not None and PLACE not in str(self._save):
                self.say(said(f"each rank has kept its own run, this one {place.run_file}."))
        elif not place.is_led():
            text = f"rank 0 has gone without a word; this is the report of {place.rank} alone."
            self.say(said(text))
            replace(self._own, json_path=None, sarif_path=None, html_path=None)(lambda: own)
