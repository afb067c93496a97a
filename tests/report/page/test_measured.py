"""The ladder's numbers against what plain NumPy says of the same values."""

import numpy as np
import pytest
from made_runs import GRAPH

from lifesigns.records import LossReading, NonFinite, SiteReading
from lifesigns.report.page.columns import CENTRING, COLUMNS, DEAD, FLAT, SIZE, SLOPE
from lifesigns.report.page.layers import layers
from lifesigns.report.page.measured import Roles, measure
from lifesigns.rules import testing as example

RANDOM = np.random.default_rng(1)


def measured(site, values, saturated=None, arrived=None, passed=None, **rest):
    """Numbers of the layer that ends at `site`, and its units' shares."""
    sums = example.sums(values, saturated=saturated)
    gradients = [None if g is None else example.sums(g) for g in (arrived, passed)]
    shot = example.snapshot(GRAPH, sites=[SiteReading(site, sums, *gradients)], **rest)
    numbers, units = measure(shot, Roles.of(layers(GRAPH, 5)))
    return numbers[:, (site - 1) // 2], units.shares


def test_the_numbers_of_a_layer_are_those_of_its_values():
    values = 3 + RANDOM.standard_normal((50, 8))
    saturated = values > 4
    arrived = RANDOM.standard_normal((50, 8))

    numbers, shares = measured(3, values, saturated, arrived, 0.25 * arrived)

    assert numbers[SIZE] == pytest.approx(np.sqrt(np.mean(values**2)))
    mean, deviation = values.mean(0), values.std(0)
    assert numbers[CENTRING] == pytest.approx(np.linalg.norm(mean) / np.linalg.norm(deviation))
    assert numbers[FLAT] == pytest.approx(saturated.mean())
    assert numbers[SLOPE] == pytest.approx(0.25)
    np.testing.assert_array_equal(shares[1], np.floor(saturated.mean(0) * 255 + 1e-9))


def test_a_rectifier_has_dead_units_and_no_saturated_ones():
    values = np.maximum(RANDOM.standard_normal((50, 8)), 0)
    values[:, 5:] = 0

    numbers, shares = measured(1, values, values == 0)

    assert numbers[DEAD] == 3 / 8
    assert np.isnan(numbers[FLAT])
    assert (shares[0][:5] > 0).all()
    assert (shares[0][5:] == 0).all()


def test_a_unit_that_fired_once_in_a_million_is_not_shown_as_silent():
    values = np.zeros((100_000, 1))
    values[0] = 1

    _, shares = measured(1, values)

    assert shares[0].tolist() == [1]


def test_the_last_layer_is_what_the_loss_receives_and_its_mean_says_nothing():
    loss = LossReading(1.0, site=5, prediction=example.sums([[3.0], [4.0]]))

    numbers, _ = measure(example.snapshot(GRAPH, loss=loss), Roles.of(layers(GRAPH, 5)))

    assert numbers[SIZE, 2] == pytest.approx(np.sqrt(12.5))
    assert np.isnan(numbers[CENTRING, 2])


def test_a_value_that_is_not_finite_makes_the_size_infinite():
    values = np.array([[1.0, np.nan], [2.0, 1.0]])
    broken = NonFinite("forward", "1:relu#0", "relu", 1)

    numbers, _ = measured(1, values, nonfinite=broken)

    assert numbers[SIZE] == np.inf


def test_it_is_the_same_whether_or_not_units_are_known_to_be_observed_equally_often():
    values = np.maximum(3 + RANDOM.standard_normal((50, 8)), 0)
    values[:, 5:] = 0
    saturated = values > 4
    elsewhere = NonFinite("forward", "5:mse_loss#0", "mse_loss", 1)

    even, units = measured(3, values, saturated, values, 0.25 * values)
    uneven, others = measured(3, values, saturated, values, 0.25 * values, nonfinite=elsewhere)

    np.testing.assert_allclose(even, uneven)
    np.testing.assert_array_equal(units, others)


def test_a_unit_without_a_finite_value_is_not_dead():
    values = np.array([[0.0, np.nan], [0.0, np.nan]])

    numbers, shares = measured(1, values, nonfinite=NonFinite("forward", "1:relu#0", "relu", 2))

    assert numbers[DEAD] == 1
    assert shares[0].tolist() == [0, 255]


def test_nothing_is_made_up_where_nothing_was_read():
    numbers, units = measure(example.snapshot(GRAPH), Roles.of(layers(GRAPH)))

    assert numbers.shape == (len(COLUMNS), 3)
    assert np.isnan(numbers).all()
    assert units.places == []
