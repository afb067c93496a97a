"""Why a change cannot be made: a sentence for the user, not an accident."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """The change was not made, so nothing was touched."""

    reason: str


class Refused(Exception):
    """Raised within this package where a change turns out to be unsafe; `Edit` returns it."""
