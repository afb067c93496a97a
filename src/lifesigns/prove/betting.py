"""Whether wins are more than luck: a bet on each pair, valid whenever one stops.

Under the hypothesis that the remedy makes no difference a win has at most the chance one half, and
the wealth of a fair bettor is at least 20 with a probability of at most 1/20, however often one
looks (Ville's inequality). Here a win multiplies by 1.9 and a loss by 0.1.

Source: Shafer 2021, Testing by Betting; Ramdas et al. 2023, Game-Theoretic Statistics and Safe
Anytime-Valid Inference.
"""

from __future__ import annotations

from collections.abc import Iterable

WIN, LOSS = 1.9, 0.1
"""Factors of one pair; their mean is 1, so that the bet is fair."""
PROVED, FUTILE = 20.0, 0.01
"""Five wins in a row prove; three losses leave no hope."""


def wealth(wins: Iterable[bool]) -> float:
    """The e-value of some pairs.

    Args:
        wins: Whether the arm with the remedy was better, pair by pair.

    Example:
        >>> wealth([True] * 4) < PROVED < wealth([True] * 5)
        True
    """
    value = 1.0
    for won in wins:
        value *= WIN if won else LOSS
    return value


def is_settled(wins: Iterable[bool], needed: float = PROVED) -> bool:
    """Whether further pairs would not change what is concluded.

    Args:
        wins: So far.
        needed: The e-value that proves.
    """
    return not FUTILE < wealth(wins) < needed


def pairs_needed(wins: Iterable[bool], proved: float = PROVED) -> int:
    """How many wins in a row would prove it from here.

    Args:
        wins: So far.
        proved: The e-value that proves.

    Example:
        >>> pairs_needed([]), pairs_needed([True, False])
        (5, 8)
    """
    value, needed = wealth(wins), 0
    while value < proved:
        value, needed = value * WIN, needed + 1
    return needed
