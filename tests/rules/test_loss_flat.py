"""Which cause a flat loss is put down to."""

from dataclasses import replace

import numpy as np
import pytest

from lifesigns.evidence import Run
from lifesigns.records import BatchReading, LossReading, SiteReading
from lifesigns.rules import testing as example
from lifesigns.rules.optimisation.loss_flat import RULE

WANTED = np.tile([[-1.0], [1.0]], (16, 1))
STEPS = 300


def flat(*, gradients=(0.1, 0.1, 0.1), rms=1.0, hidden=None, losses=None, drop=None, **weights):
    second = "relu" if drop is None else "dropout"
    graph = example.chain("linear", "relu", "linear", second, "linear/1", "mse_loss", batch=32)
    if drop is not None:
        dropout = example.with_details(graph.sites[3], p=drop)
        graph = replace(graph, sites=(*graph.sites[:3], dropout, *graph.sites[4:]))
    readings = example.weights(graph, **{"weight_rms": 1.0, "update_rms": 1e-2, **weights})
    readings = example.with_gradients(readings, gradients)
    noise = 0.02 * np.random.default_rng(0).standard_normal(STEPS)
    losses = list(1 + noise) if losses is None else losses
    shots = [
        example.snapshot(
            graph,
            step=s,
            parameters=readings,
            sites=[] if hidden is None else [SiteReading(1, example.sums(hidden))],
            batch=BatchReading((32, 4), example.sums(np.full((32, 4), rms))),
            loss=LossReading(
                losses[s],
                "squared_error",
                fit=losses[s],
                scale=1.0,
                site=5,
                input_shape=(32, 1),
                prediction=example.sums(0.1 * WANTED),
                target=example.target(WANTED),
                correlation=0.0,
            ),
        )
        for s in (0, 1, 2, 4, 100, 200, 299)
    ]
    return example.trace(*shots, losses=losses)


@pytest.mark.parametrize(
    ("evidence", "cause"),
    [
        ({}, "wrong_labels"),
        ({"drop": 0.99}, "other"),
        ({"drop": 0.5}, "wrong_labels"),
        ({"rms": 500.0}, "unnormalised_input"),
        ({"rms": 0.001}, "unnormalised_input"),
        ({"update_rms": 1e-6}, "lr_too_low"),
        ({"update_rms": 3.0}, "lr_too_high"),
        ({"gradients": (1e-7, 1e-3, 0.1)}, "vanishing"),
        ({"hidden": np.zeros((32, 4))}, "dead_relu"),
        ({"losses": [1.0, 50.0, 20.0] + [1.0] * (STEPS - 3)}, "lr_too_high"),
        ({"losses": list(np.linspace(9, 4, STEPS))}, "lr_too_low"),
    ],
)
def test_the_first_cause_is_the_one_in_evidence(evidence, cause):
    (finding,) = RULE.judge(Run(flat(**evidence)))

    assert finding.causes[0] == cause


def test_losses_trained_in_turn_are_not_judged():
    trace = flat()
    trace.losses.streams[::2] = 1

    assert list(RULE.judge(Run(trace))) == []


def test_a_run_that_overflowed_is_not_called_flat():
    losses = [1.0] * (STEPS - 1) + [float("nan")]

    assert list(RULE.judge(Run(flat(losses=losses)))) == []
