from dataclasses import dataclass

import numpy as np
import pytest

from lifesigns.lab.design.design import Cell
from lifesigns.lab.results.effects import main_effects


@dataclass
class Result:
    """What main effects look at of a cell's result."""

    cell: Cell
    scores: np.ndarray


def results(**scores):
    """Activation a or b, initialiser x or y: `ax=[…]` are the scores of one cell."""
    return [Result(Cell(n[0], n[1], "ce", "sgd"), np.array(s)) for n, s in scores.items()]


def test_an_effect_is_the_mean_difference_over_the_other_factor():
    tried = results(ax=[0.9, 0.8], ay=[0.7, 0.6], bx=[0.8, 0.7], by=[0.62, 0.5])

    effects = {(e.factor, e.level): e for e in main_effects(tried)}

    assert list(effects) == [("activation", "a"), ("activation", "b"), ("initialiser", "x"),
                             ("initialiser", "y")]  # fmt: skip
    assert effects["activation", "a"].against_best is None
    assert effects["activation", "b"].against_best.difference.mean == pytest.approx(-0.095)
    assert effects["initialiser", "y"].against_best.difference.mean == pytest.approx(-0.195)
    assert effects["initialiser", "x"].score.mean == pytest.approx(0.8)


def test_p_values_are_corrected_over_the_comparisons_of_all_factors():
    swing = np.resize([0.02, -0.02], 8)
    tried = results(ax=0.9 + swing, ay=0.9 - swing, bx=0.7 + 2 * swing, by=0.7 - swing)

    effects = main_effects(tried)
    compared = [e for e in effects if e.against_best]

    strong, weak = (e.adjusted_p for e in compared)
    assert strong == pytest.approx(2 * compared[0].against_best.p)
    assert strong < 0.001 < 0.05 < weak


def test_what_does_not_vary_has_no_effect():
    assert main_effects(results(ax=[0.9, 0.8])) == ()


def test_a_network_that_diverged_counts_as_the_worst():
    (best, other) = main_effects(results(ax=[0.5, 0.6], bx=[0.9, np.nan]))

    assert best.level == "a"
    assert other.score.mean == pytest.approx(-0.05)
