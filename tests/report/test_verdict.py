from dataclasses import replace

import numpy as np
import pytest
from made_reports import CONSTANT, DEAD, FALLING, LEARNING, SYMMETRIC, run

from lifesigns.records import Trace
from lifesigns.report.verdict import verdict
from lifesigns.rules import testing as example


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
    assert verdict(LEARNING, findings) == said


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        (np.full(600, 2.3), "nothing found, but the loss did not clearly fall"),
        (FALLING[:10], "too short to say whether it learns: 10 steps (20 would tell)"),
        ([], "too short to say whether it learns: 0 steps (20 would tell)"),
        (
            np.full(120, 2.3),
            "too short to say whether it learns: 120 steps (250 would tell)",
        ),
        (
            FALLING,
            "nothing found, and the loss fell: whether it learns, a held-out score would tell",
        ),
        (np.linspace(2.3, 3.0, 600), "nothing found, but the loss rose"),
        ([*FALLING, float("inf")], "nothing found, but the loss is not always finite"),
        (
            np.linspace(2.3, 2.2, 600),
            "nothing found, and the loss still falls, but nothing is clearly learned yet",
        ),
    ],
)
def test_without_the_level_of_a_constant_no_loss_is_said_to_learn(losses, said):
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
    blind = replace(run(FALLING, recorded=0))

    assert verdict(blind, ()) == "no training step could be recorded: nothing can be said"


def test_an_alarm_counts_even_without_a_snapshot():
    assert verdict(Trace(), (DEAD,)) == "may not learn as it stands: 1 warning"


@pytest.mark.parametrize(
    ("losses", "went"),
    [
        (np.linspace(-0.3, 0.1, 300), "rose"),
        (np.linspace(0.3, -0.4, 300), "fell"),
        (np.sin(np.arange(300)), "stayed level"),
    ],
)
def test_of_a_loss_that_crosses_zero_it_is_said_where_it_went_and_no_share(losses, went):
    said = verdict(run(losses), ())

    assert said == (
        f"not known whether it learns: the loss {went}, but it crosses 0; a reward or a held-out "
        "score would tell"
    )


def test_a_loss_that_cannot_be_negative_and_was_is_called_impossible():
    negative = example.regression([-0.5] * 300, update=1e-3)

    assert "this loss cannot be negative, and was" in verdict(negative, ())


def test_losses_in_turn_that_do_not_fall_are_no_verdict():
    turns = run(np.full(600, 0.7))
    streams = replace(turns.losses, streams=np.arange(600) % 2)

    said = verdict(replace(turns, losses=streams), ())

    assert said.startswith("not known whether it learns: losses in turn may oppose each other")


def test_an_alarm_on_a_loss_that_is_not_below_a_constant_does_not_say_that_it_learns():
    assert verdict(run(FALLING), (DEAD,)) == "may not learn as it stands: 1 warning"
