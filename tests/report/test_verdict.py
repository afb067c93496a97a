import dataclasses

import numpy as np
import pytest
from made_reports import CONSTANT, DEAD, FALLING, SYMMETRIC, run

from lifesigns.records import Trace
from lifesigns.report.verdict import verdict


@pytest.mark.parametrize(
    ("findings", "said"),
    [
        ((SYMMETRIC, SYMMETRIC, DEAD), "cannot learn as it stands: 2 errors, 1 warning"),
        ((DEAD,), "learns worse than it could: 1 warning"),
        ((DEAD, CONSTANT, CONSTANT), "learns worse than it could: 1 warning, 2 notes"),
        ((CONSTANT,), "learns: nothing found, 1 note"),
        ((), "learns: nothing found"),
    ],
)
def test_alarms_are_counted_and_the_worst_decides(findings, said):
    assert verdict(run(FALLING), findings) == said


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        (np.full(600, 2.3), "nothing found, but the loss did not clearly fall"),
        (FALLING[:10], "nothing found, in too few steps to see it learn"),
        ([], "nothing found, in too few steps to see it learn"),
        ([*FALLING, float("inf")], "nothing found, but the loss is not always finite"),
        (
            np.linspace(2.3, 2.2, 600),
            "nothing found, and the loss still falls, but nothing is clearly learned yet",
        ),
    ],
)
def test_only_a_loss_that_learned_is_said_to_learn(losses, said):
    assert verdict(run(losses), ()) == said


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("interrupted", "interrupted before a step was recorded: nothing can be said"),
        ("failed: OSError: disk", "failed before a step was recorded: nothing can be said"),
        ("finished", "no training step was seen: nothing can be said"),
    ],
)
def test_without_a_step_nothing_is_claimed(outcome, said):
    assert verdict(run([], recorded=0, outcome=outcome), ()) == said


def test_steps_that_were_not_recorded_are_no_health():
    blind = dataclasses.replace(run(FALLING, recorded=0))

    assert verdict(blind, ()) == "no training step could be recorded: nothing can be said"


def test_an_alarm_counts_even_without_a_snapshot():
    assert verdict(Trace(), (DEAD,)) == "learns worse than it could: 1 warning"
