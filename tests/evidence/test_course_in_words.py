"""Every number of a course says what it is: of steps or of backward passes, and of which term."""

from dataclasses import replace

import numpy as np
import pytest

from lifesigns.evidence.course_in_words import further, length
from lifesigns.evidence.courses import course_of
from lifesigns.records import LossCurve, LossReading
from lifesigns.report.as_text import plain
from lifesigns.report.verdict import verdict
from lifesigns.rules import judge
from lifesigns.rules import testing as example

WANTED = [[-1.0], [1.0]] * 8


def accumulated(losses, each=4):
    """A trace whose optimizer steps once after `each` backward passes."""
    known = example.regression(list(losses), update=1e-2, correlation=0.9)
    steps = np.arange(len(losses)) // each
    shots = tuple(replace(s, step=int(steps[s.step])) for s in known.snapshots)
    curve = LossCurve(steps, known.losses.values, known.losses.streams)
    return replace(known, snapshots=shots, losses=curve, steps=int(steps[-1]) + 1)


def test_backward_passes_whose_gradients_are_added_up_are_not_called_steps():
    course = course_of(accumulated(np.linspace(2.0, 1.5, 240)))

    assert length(course) == "240 backward passes (60 steps)"
    assert "in 240 backward passes (60 steps; median of the first 12 losses" in str(course)


def test_passes_without_any_step_are_counted_as_passes():
    trace = replace(example.trace(losses=[1.0] * 320), steps=0)

    assert length(course_of(trace)) == "320 backward passes"


@pytest.mark.parametrize(("count", "text"), [(1, "1 step"), (300, "300 steps")])
def test_one_pass_for_each_step_is_a_step(count, text):
    assert length(course_of(example.trace(losses=[1.0] * count))) == text


def test_findings_give_the_number_of_the_step_and_not_that_of_the_pass():
    trace = accumulated(np.linspace(9.0, 1.5, 240))

    found = {finding.rule: finding for finding in judge(trace)}["stopped-early"]

    assert found.step == 59
    assert found.symptom.endswith("in the last fifth of 240 backward passes (60 steps)")


def test_the_verdict_counts_passes_as_passes():
    assert "24 backward passes (6 steps)" in verdict(accumulated([1.0] * 24), ())


def test_the_course_of_a_sum_says_whose_it_is():
    target = example.target(WANTED)
    other = LossReading(1.0, "squared_error", "mse_loss", fit=1.0, scale=1.0, target=target)
    loss = replace(other, value=2.0, others=(other,))
    graph = example.chain("linear", "mse_loss")
    shots = [example.snapshot(graph, step=step, loss=loss) for step in (0, 99)]
    trace = example.trace(*shots, losses=np.linspace(2.0, 1.0, 100))

    assert "the loss per observation of its first term, mse_loss, went" in str(course_of(trace))
    assert "per observation of the first term (mse_loss), median" in " ".join(
        plain(trace, ()).split()
    )


def test_many_further_steps_are_written_out():
    assert further(613.2) == "about 610 more steps"
    assert further(1, "backward pass") == "about 1 more backward pass"
