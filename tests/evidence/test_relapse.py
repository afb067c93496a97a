"""A loss that gave back what it had gained, against losses that only look alike."""

from dataclasses import replace

import numpy as np
import pytest

from lifesigns.evidence.courses import course_of
from lifesigns.evidence.relapse import relapses
from lifesigns.records import RunInfo
from lifesigns.report.verdict import verdict
from lifesigns.rules import testing as example

NOISE = 0.02 * np.random.default_rng(0).standard_normal(400)
FALL = np.linspace(1.2, 0.6, 200)
LEVEL = 0.97 + NOISE
LOST = np.r_[FALL, np.full(200, 0.93)]


def _run(losses):
    return replace(example.regression(losses, update=1e-2), info=RunInfo(outcome="finished"))


def test_most_of_the_gain_given_back_for_good_is_a_relapse():
    assert relapses(LOST + NOISE, 1.0)


@pytest.mark.parametrize(
    "losses",
    [
        np.r_[FALL, np.full(200, 0.6)],
        np.r_[FALL, np.full(200, 0.75)],
        np.r_[LOST[:360], np.full(40, 0.6)],
        np.r_[np.full(200, 1.2), np.full(200, 1.1)],
        1 + 5 * NOISE,
        LOST[::16],
    ],
    ids=["stays", "half", "comes back", "never gained", "noise", "few steps"],
)
def test_what_only_looks_alike_is_none(losses):
    assert not relapses(losses, 1.0)


def test_what_was_recorded_before_a_relapse_does_not_excuse_it():
    found = [course_of(example.regression(x, update=1e-2, correlation=0.9)) for x in (LOST, LEVEL)]

    assert [course.hardly_learned for course in found] == [True, False]


def test_a_relapse_is_not_called_learning():
    assert verdict(_run(FALL), ()) == "learns: nothing found"
    assert verdict(_run(LOST), ()) == (
        "nothing found, but the loss gave back most of what it had gained"
    )
