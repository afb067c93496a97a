"""Long runs: what is merged, what is kept of it, and what it takes."""

import numpy as np
import pytest
from made_runs import GRAPH, axis, column, dying, renamed, step

from lifesigns.report.page import PageBuilder, document
from lifesigns.report.page.arrays import unpack
from lifesigns.report.page.axis import MOST_COLUMNS
from lifesigns.rules import testing as example


def run(*shots):
    return document(example.trace(*shots), ())


@pytest.mark.parametrize("snapshots", [1, MOST_COLUMNS, MOST_COLUMNS + 1, 5 * MOST_COLUMNS])
def test_a_run_of_any_length_has_at_most_so_many_columns_and_none_is_lost(snapshots):
    shot = step(0)

    made = run(*[shot] * snapshots)

    _, _, merged = axis(made)
    assert len(merged) <= MOST_COLUMNS
    assert sum(merged) == snapshots
    assert max(merged) <= 2 * max(1, -(-snapshots // MOST_COLUMNS))


def test_losses_in_turn_are_merged_each_with_its_own():
    shots = [step(number // 2, stream=number % 2) for number in range(1000)]

    steps, streams, merged = axis(run(*shots))

    assert sorted(set(streams)) == [0, 1]
    assert steps == sorted(steps)
    assert sum(m for m, s in zip(merged, streams, strict=True) if s == 0) == 500


@pytest.mark.parametrize("at", [0, 777, 1199])
def test_one_step_out_of_twelve_hundred_is_seen(at):
    shots = [step(n) for n in range(1200)]
    shots[at] = step(at, size=1000.0, update=3.0, alive=3)

    made = run(*shots)

    assert np.nanmax(column(made, "size")[0]) > 100
    assert np.nanmax(column(made, "update")) == pytest.approx(3.0, rel=0.01)
    assert np.nanmax(column(made, "dead")[0]) == 5 / 8


def test_gradients_in_a_column_are_all_of_one_step():
    shots = [step(n, gradients=[1.0, 1.0, 1.0]) for n in range(1000)]
    shots[500] = step(500, gradients=[1e-3, 10.0, 100.0])

    gradients = column(run(*shots), "gradient")

    (place,) = np.flatnonzero(gradients[0] != 1)
    assert gradients[:, place] == pytest.approx([1e-3, 10.0, 100.0], rel=0.01)


def test_a_death_stays_where_it_was_however_long_the_run():
    made = document(dying(steps=1800, at=900), ())

    (drawn,) = made["maps"]
    active, steps = unpack(drawn["active"]), unpack(made["recorded"]["steps"])
    assert (active[:, steps + max(axis(made)[2]) <= 900] > 0).all()
    assert (active[:, steps >= 900] == 0).all()


def test_a_unit_that_is_often_silent_is_not_dead_in_a_merged_column():
    shots = [step(n, alive=8 if n % 2 else 5) for n in range(1000)]

    (drawn,) = run(*shots)["maps"]

    assert (unpack(drawn["active"]) > 0).all()


def test_a_network_that_gets_its_name_in_the_second_step_keeps_its_rows():
    named = renamed(GRAPH, lambda name: f"body.{name}")

    made = run(step(0), step(1, graph=named), step(2, graph=named))

    assert [layer["name"] for layer in made["layers"]] == [
        "body.0:linear#0", "body.2:linear#0", "body.4:linear#0",
    ]  # fmt: skip
    assert np.isfinite(column(made, "size")[0]).all()
    assert [p["name"] for p in made["parameters"]] == [
        "body.0.weight", "body.2.weight", "body.4.weight",
    ]  # fmt: skip


def test_another_network_has_rows_of_its_own():
    other = renamed(GRAPH, lambda name: f"other{name}")

    made = run(step(0), step(1, graph=other))

    assert len(made["layers"]) == 6


def test_an_event_takes_as_many_bytes_late_in_a_run_as_early():
    builder, sizes = PageBuilder(), []
    for number in range(1000):
        shot = step(number % 5)
        builder.add(shot)
        if number in (9, 999):
            sizes.append(len(str(builder.event(shot, 10_000))))

    assert sizes[0] == sizes[1]


def test_an_event_says_what_the_document_says_of_its_step():
    builder, shot = PageBuilder(), step(3, alive=5)
    builder.add(step(0))
    builder.add(shot)

    event, made = builder.event(shot, 7), builder.document(example.trace(), ())

    assert (event["number"], event["step"], event["layout"]) == (7, 3, made["layout"])
    assert event["ladder"][0][2] == column(made, "dead")[0, -1] == 3 / 8
    assert event["ladder"][1][0] is None
    (drawn,) = event["maps"]
    (held,) = made["maps"]
    order = unpack(held["order"])
    np.testing.assert_array_equal(unpack(drawn["active"])[order], unpack(held["active"])[:, -1])
