"""The verdict and the rules never contradict each other on what a loss did."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifesigns.evidence import Run
from lifesigns.records import LossReading
from lifesigns.report.verdict import verdict
from lifesigns.rules import find_rule
from lifesigns.rules import testing as example

SAY_IT_DID_NOT_LEARN = [
    find_rule(name) for name in ("loss-flat", "labels-unrelated", "loss-diverges")
]
WANTED = np.tile([[-1.0], [1.0]], (16, 1))  # a constant prediction has a squared error of 1
KINDS = ("squared_error", "binary_cross_entropy", "other", "")


def run(losses, *, kind, correlation, outputs, update):
    """A small network with these losses; without a `kind` nothing was read of them."""
    graph = example.chain("linear", "relu", "linear/1", "mse_loss", batch=32)
    wanted = (WANTED + 1) / 2 if "entropy" in kind else WANTED
    known = [s for s in (0, 1, 4, 16, len(losses) // 2, len(losses) - 1) if s < len(losses)]
    return example.trace(
        *(
            example.snapshot(
                graph,
                step=step,
                parameters=example.weights(
                    graph, weight_rms=0.5, update_rms=0.5 * update, gradient_rms=0.1
                ),
                loss=LossReading(
                    float(losses[step]),
                    kind,
                    "mse_loss",
                    fit=float(losses[step]),
                    scale=1.0,
                    site=3,
                    input_shape=(32, 1),
                    prediction=example.sums(outputs * WANTED),
                    target=example.target(wanted),
                    correlation=correlation,
                )
                if kind
                else None,
            )
            for step in dict.fromkeys(known)
        ),
        losses=losses,
    )


@st.composite
def curves(draw):
    """From one level to another, along a line or a decay, with noise and spikes, of any length."""
    steps = draw(st.integers(1, 400))
    start, end = draw(st.floats(0.01, 30)), draw(st.floats(0.001, 30))
    along = np.linspace(0, 1, steps) ** draw(st.sampled_from([0.2, 1.0, 3.0]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    noise = draw(st.sampled_from([0.0, 0.01, 0.1, 0.5])) * generator.standard_normal(steps)
    losses = np.abs((start + (end - start) * along) * (1 + noise))
    losses[generator.random(steps) < draw(st.sampled_from([0.0, 0.02]))] *= 20
    return losses


@st.composite
def runs(draw):
    return run(
        draw(curves()),
        kind=draw(st.sampled_from(KINDS)),
        correlation=draw(st.sampled_from([float("nan"), 0.0, 0.2, 0.6, 0.95])),
        outputs=draw(st.sampled_from([0.0, 0.005, 0.1, 1.0])),
        update=draw(st.sampled_from([1e-6, 1e-3, 0.5])),
    )


@settings(max_examples=200, deadline=None)
@given(runs())
def test_no_rule_denies_what_the_verdict_says(trace):
    view = Run.of(trace)
    denied = [f.rule for rule in SAY_IT_DID_NOT_LEARN for f in rule.judge(view)]

    said = verdict(trace, ())

    assert not (said.startswith("learns") and denied), (said, denied)


@settings(max_examples=200, deadline=None)
@given(runs())
def test_the_verdict_is_that_of_the_course_that_rules_judge_by(trace):
    (course,) = (stream.course for stream in Run.of(trace).losses)

    assert verdict(trace, ()).startswith("learns") == course.is_below_constant
    assert not (course.learned and (course.harmed or course.stalled or course.learned_nothing))


@pytest.mark.parametrize(
    ("losses", "learns"),
    [
        (1 + 0.3 * np.random.default_rng(3).standard_normal(150), False),
        (np.geomspace(1, 0.2, 150), True),
        (np.geomspace(9, 1, 150), False),
    ],
    ids=["noise at the level of a constant", "below it", "fallen to it"],
)
def test_a_fall_to_the_level_of_a_constant_is_not_called_learning(losses, learns):
    trace = run(losses, kind="squared_error", correlation=0.0, outputs=0.1, update=1e-3)

    assert verdict(trace, ()).startswith("learns") == learns


def test_a_fit_little_better_than_a_constant_is_said_to_be_just_that():
    losses = 0.94 + 0.01 * np.random.default_rng(3).standard_normal(600)
    trace = run(losses, kind="squared_error", correlation=0.3, outputs=0.1, update=1e-3)

    said = "learns little: 6% better than a constant prediction, nothing found"
    assert verdict(trace, ()) == said
