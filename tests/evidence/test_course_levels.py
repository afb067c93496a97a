"""The levels of a course and what they are compared with, against curves whose answer is known."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lifesigns.evidence.courses import course_of
from lifesigns.records import LossReading
from lifesigns.rules import testing as example

WANTED = np.tile([[-1.0], [1.0]], (16, 1))  # variance 1


EARLY = (0, 1, 4, 32)


def trace_of(
    losses, *, fit=None, scale=1.0, steps=(0, 10, 50, 100), kind="squared_error", penalised=False
):
    """`fit` gives the data term at a step; the rest of the loss is a penalty, on outputs or not."""
    graph = example.chain("linear", "mse_loss")
    shots = [
        example.snapshot(
            graph,
            step=s,
            loss=LossReading(
                losses[s],
                kind,
                fit=losses[s] if fit is None else fit[s],
                scale=scale,
                input_shape=(32, 1),
                prediction=example.sums(0.5 * WANTED),
                target=example.target(WANTED),
                correlation=0.5,
                penalised=penalised,
            ),
        )
        for s in steps
        if s < len(losses)
    ]
    return example.trace(*shots, losses=losses)


def test_the_gain_is_the_share_of_the_variance_that_was_explained():
    course = course_of(trace_of([0.25] * 120))

    assert course.baseline == pytest.approx(1)
    assert course.gain == pytest.approx(0.75)
    assert course.output_deviation == pytest.approx(0.5)
    assert course.correlation == 0.5


def test_a_penalty_is_not_taken_for_misfit():
    penalty, fit = np.geomspace(9, 1, 120), np.full(120, 0.5)

    course = course_of(trace_of(list(penalty + fit), fit=fit))

    assert course.gain == pytest.approx(0.5)
    assert abs(course.fall) < 1


def test_a_penalty_that_dives_is_not_taken_for_a_fit():
    noise = np.random.default_rng(0).lognormal(0, 1, 120)
    fit, penalty = np.geomspace(1, 1e3, 120), -np.geomspace(1, 1e12, 120) * noise

    course = course_of(trace_of(list(penalty + fit), fit=fit))

    assert (course.curve >= 0).all()
    assert not course.learned
    assert course.end > course.baseline


def test_a_reward_beside_a_fit_does_not_hide_it():
    """An actor's loss swings around 0 from step to step; its critic's fits."""
    fit = np.geomspace(0.8, 0.1, 120)
    actor = np.where(np.arange(120) % 2, 0.6, -0.6)

    course = course_of(trace_of(list(actor + fit), fit=fit))

    assert course.end < 0.2
    assert course.learned


def test_a_step_whose_penalty_is_guessed_too_large_does_not_hide_the_others():
    fit, penalty = np.full(120, 0.5), np.full(120, 2.0)
    penalty[70] = 1.0

    course = course_of(trace_of(list(penalty + fit), fit=fit))

    assert course.curve[70] == pytest.approx(-0.5)


@pytest.mark.parametrize("last", [4, 32, 64, 128, 256, 500])
def test_what_an_overlap_beside_it_became_does_not_make_a_fit_relapse(last):
    """A Dice that falls fast while it is recorded, and stays, as its cross-entropy learns on."""
    fit = 0.2 * np.geomspace(0.7, 0.08, 625)
    overlap = 0.3 + 0.6 * np.exp(-np.arange(625) / 15)
    steps = [step for step in (0, 1, 4, 32, 64, 128, 256, 500) if step <= last]

    course = course_of(
        trace_of(list(fit + overlap), fit=fit, scale=0.2, steps=steps, penalised=True)
    )

    assert course.learned
    assert not course.relapsed
    assert not course.hardly_learned
    assert course.scaled is (last == 500)  # of which the end begins


def test_a_level_that_the_whole_is_below_is_known_whatever_is_beside_it():
    fit, rest = np.geomspace(1.0, 0.1, 300), np.full(300, 0.2)

    course = course_of(trace_of(list(fit + rest), fit=fit, steps=EARLY, penalised=True))

    assert course.scaled
    assert course.learned
    assert 0.7 <= course.gain <= 0.91  # of which 0.7 is sure


def test_a_level_that_the_rest_cannot_reach_is_known_to_be_missed():
    fit, rest = np.full(300, 1.0), np.full(300, 0.04)

    course = course_of(trace_of(list(fit + rest), fit=fit, steps=EARLY, penalised=True))

    assert course.scaled
    assert course.learned_nothing


def test_a_fit_that_is_weak_at_the_best_is_known_to_be_weak():
    """An autoencoder whose divergence is on its way to 0 when it is last recorded."""
    fit, rest = np.full(300, 0.99), 0.4 * np.exp(-np.arange(300) / 20)

    course = course_of(trace_of(list(fit + rest), fit=fit, steps=EARLY, penalised=True))

    assert course.scaled
    assert not course.learned


@pytest.mark.parametrize("rest", [0.9, -0.9])
def test_a_level_within_what_is_not_known_is_not_claimed(rest):
    """Half of the loss or more was something else when it was last recorded."""
    losses = np.full(300, 1.2)
    fit = losses - rest

    course = course_of(trace_of(list(losses), fit=fit, steps=EARLY, penalised=True))

    assert math.isnan(course.gain)
    assert course.end == pytest.approx(1.2)
    assert not course.scaled


def test_a_second_data_term_is_no_more_known_than_a_penalty():
    first, second = np.geomspace(0.9, 0.5, 300), np.geomspace(3.0, 0.6, 300)
    trace = trace_of(list(first + second), fit=first, steps=EARLY)
    shots = [
        replace(shot, loss=replace(shot.loss, others=(replace(shot.loss, fit=second[shot.step]),)))
        for shot in trace.snapshots
    ]

    assert math.isnan(course_of(replace(trace, snapshots=tuple(shots))).gain)


def test_a_summed_loss_is_compared_per_observation():
    course = course_of(trace_of([64 * 0.25] * 120, scale=64))

    assert course.gain == pytest.approx(0.75)


def test_without_a_recognised_loss_there_is_no_level():
    course = course_of(trace_of([0.25] * 120, kind="other"))

    assert math.isnan(course.gain)
    assert course.end == 0.25


def classes_trace(classes, samples, losses):
    labels = np.random.default_rng(0).integers(0, classes, (3, samples, 1))
    graph = example.chain("linear", "log_softmax", "nll_loss")
    shots = [
        example.snapshot(
            graph,
            step=step,
            loss=LossReading(
                losses[step],
                "cross_entropy",
                fit=losses[step],
                scale=1.0,
                target=example.target(chosen, classes=classes),
            ),
        )
        for step, chosen in zip((0, 9, 99), labels, strict=True)
    ]
    return example.trace(*shots, losses=losses)


@pytest.mark.parametrize("classes", [2, 10, 1000, 4000])
def test_the_level_of_a_constant_is_not_underestimated_from_few_labels(classes):
    course = course_of(classes_trace(classes, 64, [math.log(classes)] * 100))

    assert course.baseline == pytest.approx(math.log(classes), rel=0.02)
    assert course.baseline >= 0.99 * course.end


def test_a_run_without_snapshots_or_losses_has_a_course_all_the_same():
    assert course_of(example.trace(losses=[3.0, 2.0, 1.0])).steps == 3
    assert math.isnan(course_of(example.trace()).end)


def test_the_interval_of_the_end_level_covers_the_truth():
    rng = np.random.default_rng(1)

    courses = [course_of(trace_of(list(rng.normal(1, 0.2, 300)))) for _ in range(100)]

    covered = sum(abs(c.end - 1) < 2 * c.end_error for c in courses)
    assert covered >= 88  # about 92 expected, with nine degrees of freedom


def test_a_fall_without_a_break_above_a_constant_creeps_and_a_noisy_one_does_not():
    smooth = np.linspace(1.2, 1.1, 200)
    noisy = smooth + 0.1 * np.random.default_rng(0).standard_normal(200)

    assert changed(smooth, correlation=0.0).creeps
    assert not changed(noisy, correlation=0.0).creeps


def test_what_has_learned_something_does_not_creep():
    falling = np.linspace(1.2, 0.5, 200)
    above = np.linspace(1.2, 1.1, 200)

    assert not changed(falling, correlation=0.0).creeps
    assert not changed(above, correlation=0.9).creeps


def changed(losses, **changes):
    return replace(course_of(trace_of(losses)), **changes)
