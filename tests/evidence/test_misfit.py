"""How grave it is that an output cannot say what its loss asks for."""

import numpy as np
import pytest

from lifesigns.evidence import Course
from lifesigns.evidence.misfit import misfit, reached
from lifesigns.records import Severity


def course(end, *, steps=100, baseline=1.0):
    return Course(np.full(steps, end), baseline=baseline, targets_vary=True)


@pytest.mark.parametrize(
    ("end", "steps", "severity"),
    [
        (1.0, 100, Severity.ERROR),
        (0.8, 100, Severity.WARNING),
        (0.2, 100, Severity.NOTE),
        (1.0, 30, Severity.WARNING),
    ],
)
def test_it_is_graver_the_less_was_learned_and_the_longer_it_took(end, steps, severity):
    assert misfit(course(end, steps=steps)) is severity


def test_the_fit_is_said_beside_that_of_a_constant():
    assert reached(course(0.5)) == "; the fit is at 0.5, a constant prediction reaches 1"


def test_nothing_is_said_where_the_level_of_a_constant_is_unknown():
    assert reached(course(0.5, baseline=float("nan"))) == ""
