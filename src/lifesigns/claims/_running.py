"""Runs claims before the user's eyes, and knows where their results are kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lifesigns._cache import cache_folder
from lifesigns.claims._claim import Claim, Effort
from lifesigns.claims._engine import Done, not_kept, run_claims
from lifesigns.claims._price import price, seconds_of
from lifesigns.report.progress import Progress, spell

LONG = 5.0
"""Seconds from which it is said beforehand how long it takes."""


def kept_folder() -> Path:
    """Where results are kept: the user's cache folder."""
    return cache_folder() / "claims"


def run_with_progress(chosen: Sequence[Claim], effort: Effort, kept: Path | None) -> list[Done]:
    """Runs claims, and says on standard error how long that takes and how far it is.

    Args:
        chosen: Run in this order.
        effort: Quick or full.
        kept: The folder of earlier results, which are taken where code, data and versions are the
            same; None to run everything and keep nothing.
    """
    new = not_kept(chosen, effort, kept)
    whole = sum(seconds_of(claim, effort) for claim in new)
    with Progress("claims") as progress:
        if whole > LONG / 2:
            seconds = price(new, effort)
            if seconds > LONG:
                progress.say(f"{_count(len(new))} to run, about {spell(seconds)} on this machine.")
        past = 0.0
        done: list[Done] = []

        def on_start(claim: Claim) -> None:
            progress.at(claim.name, past, whole)

        for each in run_claims(chosen, effort, kept=kept, on_start=on_start):
            done.append(each)
            past += 0.0 if each.cached else seconds_of(each.claim, effort)
    return done


def _count(number: int) -> str:
    return "1 claim" if number == 1 else f"{number} claims"
