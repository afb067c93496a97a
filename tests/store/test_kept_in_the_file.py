"""Which snapshots a run file holds: by number and bytes alone."""

import numpy as np
import pytest

from lifesigns.store.keeping import AT_ONCE, LEAST, LEAST_LIGHT, MOST_LIGHT, Keeping

WHOLE, LIGHT = 10_000, 400


def run(steps, room, notable=(), light=LIGHT):
    """What is kept of so many, and the most bytes that it ever took."""
    keeping, most = Keeping(), 0
    for step in range(steps):
        lighter, _ = keeping.add(step + 1, step, WHOLE, room, is_notable=step in notable)
        for one in lighter:
            keeping.lighten(one, light, WHOLE)
        most = max(most, keeping.bytes)
    return keeping, most


@pytest.mark.parametrize("room", [100_000, 300_000, 5_000_000])
def test_they_never_take_more_than_the_room(room):
    keeping, most = run(3_000, room)

    assert most <= room
    assert len(keeping.whole) > LEAST


def test_without_room_the_least_stay():
    keeping, _ = run(3_000, 0)

    assert len(keeping.whole) == LEAST
    assert LEAST_LIGHT - AT_ONCE <= len(keeping.stored) - LEAST <= LEAST_LIGHT + 1


def test_the_first_the_latest_and_evenly_spaced_ones_between_stay():
    keeping, _ = run(3_000, 300_000)
    steps = [one.step for one in keeping.stored]

    assert {0, 2_998, 2_999} <= set(steps)
    assert max(np.diff(steps)) <= 3_000 / len(keeping.stored) * 4
    assert len(steps) == len(set(steps))


def test_notable_ones_stay_but_not_all_where_every_one_is_notable():
    keeping, most = run(3_000, 300_000, notable={1_501, 1_503})
    every, same = run(3_000, 300_000, notable=range(3_000))

    assert {1_501, 1_503} <= {one.step for one in keeping.stored}
    assert max(most, same) <= 300_000
    assert len(every.stored) <= MOST_LIGHT + 300_000 / WHOLE


def test_where_a_light_one_is_hardly_smaller_there_are_only_whole_ones():
    keeping, most = run(3_000, 500_000, light=0.6 * WHOLE)

    assert most <= 500_000
    assert all(one.step < 60 for one in set(keeping.stored) - set(keeping.whole))
    assert len(keeping.whole) > 20
