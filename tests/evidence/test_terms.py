"""A sum of data terms: what each of them did, and the course of the first."""

from dataclasses import replace

import numpy as np
import pytest

from lifesigns.evidence import Stream
from lifesigns.evidence.terms import terms_of
from lifesigns.rules import testing as example

STEPS = 100


@pytest.fixture
def summed():
    """A term that halves, beside a noisy one that is a hundred times as large."""
    first = example.regression(np.linspace(1, 0.5, STEPS).tolist(), update=0.01)
    noise = 100 + 10 * np.random.default_rng(0).standard_normal(STEPS)
    shots = []
    for shot in first.snapshots:
        loss = shot.loss
        beside = replace(loss, operation="pow", fit=noise[shot.step], value=noise[shot.step])
        total = replace(loss, value=loss.fit + beside.fit, others=(beside,))
        shots.append(replace(shot, loss=total))
    losses = first.losses.values + noise
    curve = replace(first.losses, values=losses)
    return Stream(replace(first, snapshots=tuple(shots), losses=curve))


def test_each_term_knows_its_level_and_its_share_of_the_sum(summed):
    small, large = terms_of(summed.readings)

    assert (small.operation, large.operation) == ("mse_loss", "pow")
    assert small.gain > 0.2
    assert small.share < 0.02
    assert large.share > 0.98


def test_the_course_of_a_sum_is_that_of_its_first_term(summed):
    course = summed.course

    assert course.curve.min() > 0
    assert course.start == pytest.approx(1.0, rel=0.2)
    assert course.end == pytest.approx(0.55, rel=0.2)
