"""How much of a run a page has been told: the id of an event, and what a reconnect begins with."""

from __future__ import annotations

from typing import NamedTuple


class Cursor(NamedTuple):
    """A place in a run.

    Example:
        >>> str(Cursor("5f3a", 17, 4096)), Cursor.parse("5f3a.17.4096")
        ('5f3a.17.4096', Cursor(run='5f3a', snapshot=17, losses=4096))
    """

    run: str = ""
    """Which run it is: another one may take the file's place."""
    snapshot: int = 0
    """Number of the last snapshot that was told."""
    losses: int = 0
    """How many losses were."""

    def __str__(self) -> str:
        return f"{self.run}.{self.snapshot}.{self.losses}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """The cursor that `str` made the text of; the beginning of no run if it was something else.

        Args:
            text: Sent by a browser, and not trusted.
        """
        run, _, numbers = text[:80].partition(".")
        snapshot, _, losses = numbers.partition(".")
        if not (_is_number(snapshot) and _is_number(losses)):
            return cls()
        return cls(run, int(snapshot), int(losses))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
