import math

import numpy as np
import pytest

from lifesigns.lab.design.design import Cell, Design
from lifesigns.lab.results.ranking import rank, steps_to_reach
from lifesigns.lab.run import CellResult, Outcome
from lifesigns.lab.training.baseline import Baseline
from lifesigns.lab.training.population import History

STEPS = np.array([0, 10, 20])
NOISE = np.array([0.0, 0.01, -0.01, 0.02, -0.02, 0.0])


def result(activation, finals, *, start=0.1, rate=0.1, diverged=(), initialiser="he_normal"):
    finals = np.asarray(finals, float)
    curve = np.stack([np.full(len(finals), start), (start + finals) / 2, finals])
    broken = np.array([0 if i in diverged else -1 for i in range(len(finals))])
    history = History(np.zeros((20, len(finals))), STEPS, {"accuracy": curve}, broken)
    return CellResult(
        Cell(activation, initialiser, "cross_entropy", "sgd"),
        (0.01, 0.1, 1.0), np.zeros((3, 3)), rate, finals, history,
    )  # fmt: skip


def outcome(*results):
    activations = tuple(dict.fromkeys(r.cell.activation for r in results))
    design = Design("iris", activations=activations, rates=(0.01, 0.1, 1.0), seeds=6, chunk=4)
    return Outcome(design, "accuracy", results, Baseline(0.35, 100, of_classes=True))


def test_the_better_cell_leads_and_the_worse_is_told_apart():
    ranking = rank(outcome(result("sigmoid", 0.5 + NOISE), result("relu", 0.9 + NOISE)))

    first, second = ranking.places
    assert first.result.cell.activation == "relu"
    assert (first.adjusted_p, first.against_best) == (1.0, None)
    assert second.adjusted_p < 0.05
    assert not second.as_good_as_best
    assert first.chance_best == pytest.approx(1)
    assert "Every other cell is worse" in ranking.advice


def test_cells_that_the_seeds_do_not_tell_apart_are_named():
    ranking = rank(outcome(result("relu", 0.9 + NOISE), result("tanh", 0.899 - NOISE)))

    assert ranking.places[1].as_good_as_best
    assert "do not tell it apart from tanh" in ranking.advice
    assert 0.4 < ranking.places[0].chance_best < 0.9


def test_no_interval_leaves_what_an_accuracy_can_be():
    wide = rank(outcome(result("relu", [0.7, 1.0, 1.0, 0.9, 1.0, 1.0]))).places[0].score

    assert (wide.low > 0.8, wide.high) == (True, 1.0)


def test_what_was_not_tried_is_said():
    text = " ".join(rank(outcome(result("relu", 0.9 + NOISE))).caveats)

    assert "activations were not tried" in text
    assert "One network shape (64-64), 500 steps" in text


def test_a_best_rate_at_the_edge_is_a_caveat():
    text = " ".join(rank(outcome(result("relu", 0.9 + NOISE, rate=1.0))).caveats)

    assert "Widen --rate" in text


def test_diverged_networks_are_counted_and_cannot_lead():
    broken = result("relu", np.full(6, np.nan), diverged=range(6))

    ranking = rank(outcome(broken, result("tanh", 0.6 + NOISE)))

    assert ranking.places[0].result.cell.activation == "tanh"
    assert "6 of the compared networks diverged" in " ".join(ranking.caveats)


def test_steps_to_a_level_are_interpolated_and_infinite_where_it_is_never_reached():
    rising = result("relu", np.full(6, 0.9), start=0.1)

    assert steps_to_reach(rising, "accuracy", 0.5) == pytest.approx(10)
    assert steps_to_reach(rising, "accuracy", 0.3) == pytest.approx(5)
    assert steps_to_reach(rising, "accuracy", 0.1) == 0
    assert steps_to_reach(rising, "accuracy", 0.95) == math.inf


def test_an_average_that_disagrees_with_the_leader_is_a_caveat():
    cells = {("relu", "he_normal"): 0.95, ("relu", "zeros"): 0.1,
             ("sigmoid", "he_normal"): 0.9, ("sigmoid", "zeros"): 0.4}  # fmt: skip

    ranking = rank(outcome(*(
        result(activation, score + NOISE, initialiser=initialiser)
        for (activation, initialiser), score in cells.items()
    )))  # fmt: skip

    assert (
        "Over all cells sigmoid is the best activation, the leader has relu" in ranking.caveats[0]
    )
    assert not any("the best initialiser" in caveat for caveat in ranking.caveats)


@pytest.mark.parametrize("others", [0, 1, 3])
def test_nothing_is_recommended_where_every_network_diverged(others):
    cells = [result(name, np.full(6, 0.35), diverged=range(6))
             for name in ("relu", "tanh", "elu", "selu")[: 1 + others]]  # fmt: skip

    ranking = rank(outcome(*cells))

    assert not ranking.learned
    assert f"all {6 * (1 + others)} networks diverged" in ranking.advice
    assert "Take" not in ranking.advice
    assert "--rate" in ranking.advice


@pytest.mark.parametrize("score", [0.2, 0.35, 0.4])
def test_nothing_is_recommended_where_no_cell_is_better_than_chance(score):
    ranking = rank(outcome(result("relu", score + NOISE), result("tanh", score - 0.01 + NOISE)))

    assert not ranking.learned
    assert ranking.advice.startswith(
        f"No cell learned, so none is recommended. The best mean accuracy is {score:.3f} (relu"
    )
    assert "the most frequent class as the only answer has 0.350" in ranking.advice


def test_ties_are_no_reason_to_recommend_what_has_not_learned():
    tied = rank(outcome(*(result(name, np.full(6, 0.35)) for name in ("relu", "tanh"))))
    alone = rank(outcome(result("relu", np.full(6, 0.35))))

    assert not tied.learned
    assert not alone.learned


def test_cells_that_tie_and_have_learned_are_both_named():
    advice = rank(outcome(*(result(name, np.full(6, 0.9)) for name in ("relu", "tanh")))).advice

    assert advice.startswith("Take relu")
    assert "do not tell it apart from tanh" in advice


def test_a_cell_that_learned_leads_one_that_diverged_whatever_that_predicts():
    broken = result("relu", np.full(6, 0.99), diverged=range(6))

    ranking = rank(outcome(broken, result("tanh", 0.6 + NOISE)))

    assert ranking.advice.startswith("Take tanh")


def test_the_count_of_diverged_networks_is_part_of_what_was_seen():
    ranking = rank(outcome(result("relu", 0.3 + NOISE, diverged=(0, 1))))

    assert "2 of 6 networks diverged" in ranking.advice
