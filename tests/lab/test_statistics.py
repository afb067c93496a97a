import numpy as np
import pytest
from scipy import stats

from lifesigns.lab.results.statistics import Contrast, Interval, chance_of_being_best, holm


def test_an_interval_covers_the_true_mean_as_often_as_it_says():
    random = np.random.default_rng(0)
    draws = random.normal(3, 2, (2000, 6))

    covered = [(i := Interval.of(row)).low <= 3 <= i.high for row in draws]

    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)


def test_a_single_value_says_nothing_about_its_spread():
    assert Interval.of(np.array([2.0])) == Interval(2.0, -np.inf, np.inf)


def test_a_contrast_is_the_paired_test():
    random = np.random.default_rng(1)
    against = random.normal(0, 1, 8)
    scores = against + random.normal(0.2, 0.1, 8)

    contrast = Contrast.of(scores, against)

    assert contrast.p == pytest.approx(stats.ttest_rel(scores, against).pvalue)
    assert contrast.difference.mean == pytest.approx((scores - against).mean())
    assert contrast.effect == pytest.approx(
        (scores - against).mean() / (scores - against).std(ddof=1)
    )


@pytest.mark.parametrize(("shift", "p", "effect"), [(0.0, 1.0, 0.0), (-1.0, 0.0, -np.inf)])
def test_differences_without_spread_are_certain(shift, p, effect):
    scores = np.arange(4.0)

    contrast = Contrast.of(scores + shift, scores)

    assert (contrast.p, contrast.effect) == (p, effect)


def test_unequal_numbers_of_seeds_cannot_be_paired():
    with pytest.raises(ValueError, match="3 scores cannot be paired with 2"):
        Contrast.of(np.zeros(3), np.zeros(2))


def test_holm_keeps_the_order_and_stays_below_one():
    assert holm([0.5, 0.001, 0.04, 0.9]) == pytest.approx([1.0, 0.004, 0.12, 1.0])
    assert holm([]) == []


def test_the_chance_of_being_best_is_shared_between_equals_and_sums_to_one():
    random = np.random.default_rng(2)
    row = random.normal(0, 1, 8)

    equal = chance_of_being_best(np.stack((row, row, row - 9)))
    clear = chance_of_being_best(np.stack((row + 9, row)))

    assert equal == pytest.approx([0.5, 0.5, 0.0])
    assert clear == pytest.approx([1.0, 0.0])
