"""Which loss curve each backward pass belongs to.

A pass belongs to the optimizer that steps next, and has a place among the passes before that step.
A discriminator and a generator differ in the optimizer, even if both passes lead to the same
parameters; a loss and its penalty differ in place and look, micro-batches of one loss only in
place. On recorded cycles the looks are known; on others the place alone tells.
"""

from __future__ import annotations

from collections.abc import Hashable

from lifesigns.records import POOLED

MOST_STREAMS, MOST_LOOKS = 64, 1024
"""Loss curves, and looks of losses, that are told apart; further ones are pooled."""


class Streams:
    """Gives each loss a number, in the order in which they come."""

    def __init__(self) -> None:
        self._count = 0
        self._at: dict[tuple[int, int], int] = {}
        self._like: dict[tuple[int, Hashable], int] = {}

    def of(self, owner: int, place: int, look: Hashable) -> int:
        """The number of a pass's loss curve.

        Args:
            owner: Number of the optimizer that steps next.
            place: Number of the pass among those since the last step.
            look: What the loss looks like; None if it was not looked at.
        """
        if look is None:
            return self._unseen(owner, place)
        stream = self._like.get((owner, look), self._at.get((owner, place)))
        if stream is None:
            stream = self._new()
        self._at.setdefault((owner, place), stream)
        if len(self._like) < MOST_LOOKS:
            self._like[owner, look] = stream
        return stream

    def _unseen(self, owner: int, place: int) -> int:
        """Passes that no recorded cycle had are taken for more of the micro-batches before them."""
        while place and (owner, place) not in self._at:
            place -= 1
        if (owner, place) not in self._at:
            self._at[owner, place] = self._new()
        return self._at[owner, place]

    def _new(self) -> int:
        self._count += 1
        return self._count - 1 if self._count <= MOST_STREAMS else POOLED
