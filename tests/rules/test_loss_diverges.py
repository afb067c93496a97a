"""When a loss diverged, from when on, and what it is put down to."""

import numpy as np
import pytest

from lifesigns.evidence import Run
from lifesigns.records import BatchReading, LossReading
from lifesigns.rules import testing as example
from lifesigns.rules.optimisation.loss_diverges import RULE


def run(losses, *, ratios=(0.5, 0.5, 0.5), rms=1.0):
    graph = example.chain("linear", "mse_loss", batch=32)
    shots = [
        example.snapshot(
            graph,
            step=s,
            parameters=example.weights(graph, weight_rms=1.0, update_rms=ratio),
            batch=BatchReading((32, 4), example.sums(np.full((32, 4), rms))),
            loss=LossReading(losses[s], "squared_error", fit=losses[s], scale=1.0, site=1),
        )
        for s, ratio in enumerate(ratios)
    ]
    return example.trace(*shots, losses=losses)


EXPLOSION = [*np.geomspace(1, 1e30, 31), float("inf")]


@pytest.mark.parametrize(
    ("trace", "causes"),
    [
        (run(EXPLOSION), ("lr_too_high", "exploding")),
        (run(EXPLOSION, rms=90), ("unnormalised_input", "lr_too_high", "exploding")),
        (run(EXPLOSION, ratios=(0.01, 0.01, 0.01)), ("other", "lr_too_high", "exploding")),
        (run(EXPLOSION, ratios=(0.01, 0.5, 9.0)), ("lr_too_high", "other", "exploding")),
    ],
)
def test_the_causes_follow_the_evidence(trace, causes):
    (finding,) = RULE.judge(Run(trace))

    assert finding.causes == causes


def test_the_step_is_where_the_loss_left_its_first_level():
    (finding,) = RULE.judge(Run(run([1.0] * 20 + list(np.geomspace(3, 1e30, 10)) + [float("nan")])))

    assert finding.step == 20


def test_a_loss_that_was_never_finite_has_not_diverged():
    assert list(RULE.judge(Run(run([float("nan")] * 30)))) == []
