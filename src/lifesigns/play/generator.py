"""Random numbers by their place, the same as those of a page: Threefry-2x32 with 20 rounds.

A stream is a seed and a purpose; a number is a place in it. Nothing has to be drawn in order:
weights of one layer do not move when another is widened. Source: Salmon et al. 2011.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lifesigns.play.arithmetic import log
from lifesigns.records import Floats, Ints

PLACE, NOISE, LABEL, SPLIT, ORDER, WEIGHTS = 1, 2, 3, 4, 5, 16
"""What numbers are for; the weights of layer k have the purpose WEIGHTS + k."""

Words = NDArray[np.uint32]

_PARITY = 0x1BD11BDA
_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_ROUNDS = 20


@dataclass(frozen=True)
class Stream:
    """A stream of random numbers.

    Example:
        >>> Stream(0, ORDER).permutation(5).tolist() == Stream(0, ORDER).permutation(5).tolist()
        True
    """

    seed: int
    """0 to 2³² - 1."""
    purpose: int

    def words(self, place: ArrayLike, turn: ArrayLike = 0) -> tuple[Words, Words]:
        """Two words of 32 bits at each place.

        Args:
            place: Whole numbers below 2³², of any shape.
            turn: A second coordinate, such as the epoch.

        Example:
            >>> [f"{int(word):08x}" for word in Stream(0, 0).words(0)]  # of the authors' test
            ['6b200159', '99ba4efe']
        """
        keys = [
            np.uint32(word)
            for word in (self.seed, self.purpose, self.seed ^ self.purpose ^ _PARITY)
        ]
        with np.errstate(over="ignore"):
            a, b = _word(place) + keys[0], _word(turn) + keys[1]
            for number in range(_ROUNDS):
                a = a + b
                by = _ROTATIONS[number % 8]
                b = ((b << np.uint32(by)) | (b >> np.uint32(32 - by))) ^ a
                if number % 4 == 3:
                    turns = number // 4 + 1
                    a = a + keys[turns % 3]
                    b = b + keys[(turns + 1) % 3] + np.uint32(turns)
        return a, b

    def uniform(self, place: ArrayLike, turn: ArrayLike = 0) -> Floats:
        """Uniform numbers in [0, 1) with 53 bits.

        Args:
            place: As in `words`.
            turn: As in `words`.
        """
        first, second = self.words(place, turn)
        return np.asarray(((first >> 5) * 67108864.0 + (second >> 6)) * 2.0**-53)

    def normal(self, place: ArrayLike) -> Floats:
        """Standard normal numbers, by Marsaglia's polar method.

        Args:
            place: As in `words`.
        """
        places = np.asarray(place)
        flat, drawn = places.ravel(), np.zeros(places.size)
        waiting, attempt = np.arange(places.size), 0
        while len(waiting):
            first, second = self.words(flat[waiting], attempt)
            u, v = first * 2.0**-31 - 1, second * 2.0**-31 - 1
            square = u * u + v * v
            taken = (square > 0) & (square < 1)
            known = square[taken]
            drawn[waiting[taken]] = u[taken] * np.sqrt((-2 * log(known)) / known)
            waiting, attempt = waiting[~taken], attempt + 1
        return drawn.reshape(places.shape)

    def permutation(self, length: int, turn: int = 0) -> Ints:
        """A permutation of 0 … length - 1 (Fisher and Yates).

        Args:
            length: 0 and more.
            turn: Such as the epoch.
        """
        order, places = list(range(length)), np.arange(length)
        chosen = np.floor(self.uniform(places, turn) * (places + 1)).astype(int)
        for i in range(length - 1, 0, -1):
            j = int(chosen[i])
            order[i], order[j] = order[j], order[i]
        return np.array(order, np.int64)


def _word(value: ArrayLike) -> Words:
    return np.asarray(value, np.int64).astype(np.uint32)
