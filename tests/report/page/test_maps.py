import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_runs import step

from lifesigns.records import Finding, Severity, SiteReading
from lifesigns.report.page import document
from lifesigns.report.page.arrays import unpack
from lifesigns.report.page.drawn_maps import MOST_CELLS
from lifesigns.report.page.maps import ABSENT, MOST_UNITS, packed, unpacked
from lifesigns.rules import testing as example

SHARES = arrays(np.uint8, st.tuples(st.integers(1, 6), st.just(2), st.just(4)))


@given(SHARES)
def test_only_a_unit_that_was_silent_in_all_steps_is_dead(shares):
    active, _ = unpacked(np.min([packed(each) for each in shares], axis=0))

    np.testing.assert_array_equal(active == 0, (shares[:, 0] == 0).all(axis=0))


@given(SHARES)
def test_of_several_steps_the_least_activity_and_the_largest_saturation_are_shown(shares):
    active, saturated = unpacked(np.min([packed(each) for each in shares], axis=0))

    seen = np.where(shares[:, 0] > 0, shares[:, 0], 255).min(axis=0)
    least = np.where((shares[:, 0] > 0).any(axis=0), seen, 0)
    assert (np.abs(active.astype(int) - least) <= 1).all()
    np.testing.assert_array_equal(saturated, shares[:, 1].max(axis=0))


@given(SHARES)
def test_what_was_not_measured_gives_way(shares):
    nothing = np.full_like(shares[0], ABSENT)

    assert (packed(shares[0])[0] < ABSENT).all()
    np.testing.assert_array_equal(np.minimum(packed(shares[0]), nothing), packed(shares[0]))


def test_units_are_in_the_order_in_which_they_died():
    made = document(
        example.trace(step(0), step(1, alive=6), step(2, alive=3), step(3, alive=3)), ()
    )

    (drawn,) = made["maps"]
    order = unpack(drawn["order"]).tolist()
    assert set(order[:2]) == {6, 7}
    assert set(order[2:5]) == {3, 4, 5}


def wide(units, steps=3, layers=2):
    graph = example.chain(*["linear", "relu"] * layers, units=units, batch=4)
    random = np.random.default_rng(0)
    shots = [
        example.snapshot(
            graph,
            step=number,
            sites=[
                SiteReading(2 * k + 1, example.sums(np.maximum(random.normal(size=(4, units)), 0)))
                for k in range(layers)
            ],
        )
        for number in range(steps)
    ]
    return example.trace(*shots)


def test_a_wide_network_shares_rows_and_stays_below_the_most_cells():
    made = document(wide(4000, steps=100, layers=3), ())

    cells = [np.prod(drawn["active"]["shape"]) for drawn in made["maps"]]
    assert len(cells) == 3
    assert MOST_CELLS / 2 < sum(cells) <= MOST_CELLS
    for drawn in made["maps"]:
        assert len(unpack(drawn["active"])) == -(-4000 // drawn["group"])


def test_a_layer_with_a_finding_gets_the_room_it_needs():
    trace = wide(2000, steps=100, layers=5)
    finding = Finding("dead-units", "ACT001", Severity.ERROR, "dead", "7:relu#0", 0, "", "", "", "")

    made = document(trace, (finding,))

    groups = [drawn["group"] for drawn in made["maps"]]
    assert groups[3] == 1
    assert min(groups[:3]) > 1


def test_a_layer_of_too_many_units_has_no_map_and_is_on_the_ladder_all_the_same():
    made = document(wide(MOST_UNITS + 1, layers=1), ())

    assert made["maps"] == []
    assert np.isfinite(unpack(made["ladder"]["size"])).all()
