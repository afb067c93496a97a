"""Of a long run, and of a large network, a bounded part stays in memory."""

from dataclasses import replace

import numpy as np
import pytest

from lifesigns.records import Graph, Mixing, NonFinite, SiteReading, Snapshot, UnitSums
from lifesigns.records.kept import MEMORY, NOTABLE, Kept, size_of

GRAPH = Graph()
NAN = NonFinite("forward", "3:log#0", "log", 8)


def keep(snapshots, **room):
    kept = Kept(replace(MEMORY, **room))
    for one in snapshots:
        kept.add(one, one.step, size_of(one), is_notable=one.is_notable)
    return kept


def run(steps, **fields):
    return (Snapshot(step, GRAPH, **fields) for step in range(steps))


def steps(kept):
    return [snapshot.step for snapshot in kept]


def of_units(units):
    """What is read of two activations of so many units."""
    sums = UnitSums.of(np.zeros((2, units)))
    return tuple(SiteReading(site, sums, sums, sums) for site in range(2))


def test_a_usual_run_is_kept_whole():
    assert steps(keep(run(MEMORY.most))) == list(range(MEMORY.most))


@pytest.mark.parametrize("length", [MEMORY.most + 1, 1000, 20_000])
def test_the_first_the_latest_and_evenly_spaced_ones_between_are_kept(length):
    found = steps(keep(run(length)))

    assert len(found) <= MEMORY.most
    assert found[:16] == list(range(16))
    assert found[-42:] == list(range(length - 42, length))
    assert max(np.diff(found)) <= length / 40


def test_a_step_of_several_losses_stays_whole_or_goes_whole():
    several = (Snapshot(step, GRAPH, stream) for step in range(5000) for stream in range(3))

    kept = keep(several)

    between = [snapshot for snapshot in kept if 20 < snapshot.step < 4900]
    assert between
    assert all(steps(between).count(step) == 3 for step in steps(between))
    assert kept.recorded == 5000


@pytest.mark.parametrize(
    "what", [{"nonfinite": NAN}, {"reason": "spike"}, {"mixing": Mixing()}], ids=str
)
def test_what_was_recorded_for_a_reason_stays(what):
    marked = (replace(s, **what) if s.step == 333 else s for s in run(20_000))

    assert 333 in steps(keep(marked))


def test_of_very_many_notable_steps_the_first_stay():
    found = steps(keep(run(5000, nonfinite=NAN)))

    assert len(found) <= MEMORY.most
    assert found[:NOTABLE] == list(range(NOTABLE))


def test_snapshots_of_a_large_network_are_kept_within_their_bytes():
    most = 50 * size_of(Snapshot(0, GRAPH, sites=of_units(500)))

    kept = keep(run(2000, sites=of_units(500)), most_bytes=most)

    assert MEMORY.least // 2 < len(list(kept)) <= 50
    assert sum(map(size_of, kept)) <= most
    assert {0, 1, 2, 3, 1998, 1999} <= set(steps(kept))
    assert kept.recorded == 2000


def test_a_few_are_kept_however_large_they_are():
    kept = keep(run(MEMORY.least, sites=of_units(500)), most_bytes=1)

    assert steps(kept) == list(range(MEMORY.least))


@pytest.mark.parametrize("what", [{}, {"nonfinite": NAN}], ids=["usual", "notable"])
@pytest.mark.parametrize("fitting", [1, 3, 10])
def test_where_as_few_as_two_may_stay_the_bound_holds_for_any_network(fitting, what):
    large = of_units(500)
    most = fitting * size_of(Snapshot(0, GRAPH, sites=large))

    kept = keep(run(200, sites=large, **what), most_bytes=most, least=2)

    assert len(steps(kept)) <= max(2, fitting)
    assert kept.bytes <= max(most, 2 * most // fitting)
    assert steps(kept)[0] == 0
    assert steps(kept)[-1] == 199


def test_what_is_kept_no_longer_is_handed_back():
    kept, dropped = Kept(replace(MEMORY, most=32)), []
    for number in range(500):
        dropped += kept.add(number, number, 1)

    assert sorted([*kept, *dropped]) == list(range(500))


def test_a_joined_step_is_counted_once():
    kept = keep(run(4))

    kept.join(2)
    kept.add(Snapshot(2, GRAPH), 2, 1)

    assert kept.recorded == 4


def test_the_size_of_a_snapshot_is_no_less_than_its_arrays():
    sites = of_units(1000)
    arrays = [vars(s) for r in sites for s in (r.value, r.output_gradient, r.input_gradient)]

    size = size_of(Snapshot(0, GRAPH, sites=sites))

    numbers = sum(array.nbytes for fields in arrays for array in fields.values())
    assert numbers <= size < 1.2 * numbers
