"""The bet is fair, and luck alone seldom wins it."""

import random

from hypothesis import given
from hypothesis import strategies as st

from lifesigns.prove.betting import (
    FUTILE,
    LOSS,
    PROVED,
    WIN,
    is_settled,
    pairs_needed,
    wealth,
)

WINS = st.lists(st.booleans(), max_size=12)


@given(WINS)
def test_a_further_pair_is_a_fair_bet(wins):
    mean = (wealth([*wins, True]) + wealth([*wins, False])) / 2

    assert WIN / 2 + LOSS / 2 == 1
    assert abs(mean - wealth(wins)) <= 1e-12 * mean


@given(WINS)
def test_it_is_settled_where_it_is_proved_or_hopeless(wins):
    assert is_settled(wins) == (wealth(wins) >= PROVED or wealth(wins) <= FUTILE)


@given(WINS)
def test_so_many_wins_more_prove_it_and_one_less_does_not(wins):
    needed = pairs_needed(wins)

    assert wealth([*wins, *[True] * needed]) >= PROVED
    assert not needed or wealth([*wins, *[True] * (needed - 1)]) < PROVED


def test_three_losses_are_hopeless_and_two_are_not():
    assert is_settled([False] * 3)
    assert not is_settled([False, True])


def bet(chance, rate, most=12):
    """The wealth when the bet is settled, or the pairs are spent."""
    wins = []
    while len(wins) < most and not is_settled(wins):
        wins.append(chance.random() < rate)
    return wealth(wins)


def test_luck_alone_proves_at_most_once_in_twenty_times():
    chance = random.Random(0)

    ends = [bet(chance, 0.5) for _ in range(20_000)]

    assert 0 < sum(end >= PROVED for end in ends) / len(ends) <= 1 / PROVED


def test_a_remedy_that_mostly_cures_is_mostly_proved():
    chance = random.Random(0)

    ends = [bet(chance, 0.97) for _ in range(2_000)]

    assert sum(end >= PROVED for end in ends) / len(ends) > 0.8
