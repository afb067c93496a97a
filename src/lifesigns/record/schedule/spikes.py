"""Losses that are worth recording on the spot: not finite, or far above those before."""

from __future__ import annotations

import math

from torch import Tensor

SPIKE = 10.0
"""A finite loss this many times its running mean is recorded on the spot."""
OLD, NEW = 0.95, 0.05
"""Weights of the running mean, and of a loss that is added to it."""
MOST_ON_THE_SPOT = 4
MOVED = 2.0
"""Running means that differ by this factor from that of the last recording belong to another
stretch of the training."""
MOST_MOVES = 16
"""Recordings because of that: a loss that falls 65,536-fold has as many."""


class Surprise:
    """Follows the running mean of the losses."""

    def __init__(self) -> None:
        self._mean, self._on_the_spot = math.nan, 0
        self._lowest, self._highest, self._moves = -math.inf, math.inf, 0
        self.moved = False
        """Whether the level of the loss has changed since a recording; set back by the reader."""

    def reason(self, value: float | Tensor, armed: bool) -> str:
        """Why the step of this loss is recorded; empty if it is not.

        Args:
            value: The loss; a tensor is on another device and is not waited for.
            armed: Whether the step is recorded anyway.
        """
        if not isinstance(value, float):
            return "scheduled" if armed else ""
        mean, size = self._mean, abs(value)
        finite = size < math.inf
        if finite:
            self._mean = OLD * mean + NEW * size if mean == mean else size
        if armed:
            self._record()
            return "scheduled" if finite else "non-finite"
        self._compare()
        spikes = size > SPIKE * mean
        if (finite and not spikes) or self._on_the_spot >= MOST_ON_THE_SPOT:
            return ""
        self._on_the_spot += 1
        return "spike" if finite else "non-finite"

    def is_expected(self, value: float) -> bool:
        """Whether a loss is near those before it, or enough that are not were recorded.

        The short form of `reason` for a step that is not recorded: the loss counts among those
        before it. Where it says no, nothing has been noted, and `reason` tells why.

        Args:
            value: The loss.
        """
        size, before, is_tired = abs(value), self._mean, self._on_the_spot >= MOST_ON_THE_SPOT
        if not size < math.inf:
            return is_tired
        mean = OLD * before + NEW * size
        is_near = is_tired or size <= SPIKE * before
        if not (is_near and self._lowest <= mean <= self._highest):
            return False
        self._mean = mean
        return True

    @property
    def bounds(self) -> tuple[float, float, float]:
        """The running mean, and between what it is expected; see `is_expected`."""
        return self._mean, self._lowest, self._highest

    def follow(self, mean: float) -> None:
        """Takes over the running mean of losses that were expected.

        Args:
            mean: The latest.
        """
        self._mean = mean

    def _compare(self) -> None:
        """Notes that the running mean is no longer what it was at the last recording."""
        if not (self._mean < self._lowest or self._mean > self._highest):
            return
        self._moves += 1
        self.moved = True
        self._record()

    def _record(self) -> None:
        """From here on the running mean has moved if it leaves these bounds."""
        may_move = self._mean == self._mean and self._moves < MOST_MOVES
        self._lowest = self._mean / MOVED if may_move else -math.inf
        self._highest = self._mean * MOVED if may_move else math.inf
