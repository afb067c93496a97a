"""What an arm came to, and when it is better than another."""

import dataclasses
import json
import math

import made
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import lifesigns
from lifesigns._errors import UsageError
from lifesigns.prove.scores import MARGIN, Measure, Scored, shortcoming, skill
from lifesigns.records import Trace
from lifesigns.rules.testing import target

NAN, INFINITE = math.nan, math.inf
SCORE = st.floats(-1e6, 1e6) | st.just(NAN)
REPORT = "lifesigns  cannot learn: 1 error\nloss       0.7\naccuracy: 0.99\n"


@given(SCORE, SCORE, st.booleans(), st.floats(0, 1))
def test_of_two_scores_at_most_one_is_better(one, other, lower, margin):
    measure = Measure("x", lower, margin)

    assert not (measure.is_better(one, other) and measure.is_better(other, one))
    assert not measure.is_better(one, one)


@pytest.mark.parametrize(
    ("faulty", "other", "gain"),
    [(0.25, 0.75, 0.5), (NAN, 0.1, INFINITE), (0.1, NAN, -INFINITE), (NAN, NAN, -INFINITE)],
)
def test_no_number_is_worse_than_any(faulty, other, gain):
    assert Measure().gain(faulty, other) == gain
    assert Measure().is_better(faulty, other) == (gain > 0)


def test_of_errors_the_lower_is_better():
    assert Measure("error", True).gain(3.0, 1.0) == 2.0
    assert Measure("error", True).is_better(3.0, 1.0)
    assert not Measure("error").is_better(3.0, 1.0)


def test_a_margin_is_a_share_of_one_and_of_larger_numbers():
    assert not Measure().is_better(80.0, 84.0)
    assert Measure().is_better(80.0, 84.5)
    assert not Measure(margin=0.5).is_better(0.1, 0.55)


def test_what_identical_arms_differ_by_widens_the_margin():
    noisy = Measure().wider(0.3)

    assert noisy.margin == MARGIN
    assert not noisy.is_better(0.1, 0.39)
    assert noisy.is_better(0.1, 0.41)


# --- skill ----------------------------------------------------------------------------------------
def test_skill_is_the_correlation_at_the_end():
    assert skill(made.run(0.8)) == pytest.approx(0.8)


def test_constant_or_infinite_predictions_have_no_skill():
    assert skill(made.run(NAN)) == 0.0


@pytest.mark.parametrize(("rate", "learned"), [(0.0, False), (0.02, True)])
def test_of_classes_at_several_places_skill_is_what_is_better_than_a_constant(rate, learned):
    torch.manual_seed(0)
    model = nn.Linear(5, 5)
    optimizer = torch.optim.Adam(model.parameters(), rate)
    with lifesigns.watch(model, every=5) as watcher:
        for _ in range(60):
            x = torch.randn(32, 6, 5)
            optimizer.zero_grad()
            F.cross_entropy(5 * model(x).transpose(1, 2), x.argmax(2)).backward()
            optimizer.step()

    assert (skill(watcher.report.trace) > 0.3) == learned


def test_without_prediction_and_target_nothing_is_known():
    assert math.isnan(skill(Trace()))
    assert math.isnan(skill(made.run(steps=(0, 1))))


def test_only_the_last_third_counts_and_of_two_losses_the_worse():
    before, good = made.run(0.0, steps=(0, 10)), made.run(0.9, steps=(20, 25))
    shots = [dataclasses.replace(shot, stream=1) for shot in made.run(0.4, steps=(29,)).snapshots]
    both = dataclasses.replace(good, snapshots=(*before.snapshots, *good.snapshots, *shots))

    assert skill(dataclasses.replace(both, snapshots=both.snapshots[:-1])) == pytest.approx(0.9)
    assert skill(both) == pytest.approx(0.4)


def test_a_label_that_all_samples_share_is_nothing_to_correlate_with():
    critic, generator = made.run(0.8, steps=(25,)), made.run(0.0, steps=(29,)).snapshots
    loss = generator[0].loss
    same = dataclasses.replace(loss, target=target(np.ones((32, 1))))
    shots = [dataclasses.replace(s, stream=1, loss=same) for s in generator]
    both = dataclasses.replace(critic, snapshots=(*critic.snapshots, *shots))

    assert skill(both) == pytest.approx(0.8)
    assert skill(dataclasses.replace(both, snapshots=tuple(shots))) == 0


# --- what is printed ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("metric", "output", "score"),
    [
        ("accuracy", '{"accuracy": 0.5}\n{"accuracy": 0.75}\n{"loss": 1}\n', 0.75),
        ("accuracy", 'step 1\n{"accuracy": "93%"}\nbye', 0.93),
        ("accuracy", '[1]\n3\n{"accuracy": {"a": 1}}', NAN),
        ("accuracy", '{"accuracy": NaN}', NAN),
        ("accuracy", '{"accuracy": true}', NAN),
        ("accuracy", "accuracy: 0.5", NAN),
        (r"accuracy: ([\d.]+)", "accuracy: 0.5\naccuracy: 0.75\n", 0.75),
        (r"accuracy: ([\d.]+)%", "accuracy: 93.5%", 93.5),
        (r"accuracy: (\S+)", "accuracy: 93.5%", 0.935),
        (r"accuracy: (\S+)", "accuracy: 0.5\naccuracy: nan", NAN),
        (r"accuracy: (\S+)", "accuracy: 0.5\naccuracy: inf", NAN),
        (r"accuracy(: \d)?", "accuracy", NAN),
        (r"accuracy: ([\d.]+)", f"accuracy: 0.5\n{REPORT}", 0.5),
        (r"accuracy: ([\d.]+)", REPORT, NAN),
    ],
)
def test_a_metric_is_the_last_that_the_script_itself_printed(metric, output, score):
    found = Measure(metric).score(made.arm(output=output))

    assert found == pytest.approx(score, nan_ok=True)


def test_without_a_metric_the_score_is_the_skill():
    assert Measure().score(made.arm(0.8, output="accuracy: 1")) == pytest.approx(0.8)
    assert math.isnan(Measure().score(dataclasses.replace(made.arm(), trace=None)))


@given(st.floats(-1e9, 1e9))
def test_what_is_printed_as_json_is_read_to_the_bit(value):
    assert Measure("m").score(made.arm(output=json.dumps({"m": value}))) == value


@pytest.mark.parametrize(
    ("arm", "is_missing"),
    [
        (made.arm(output="accuracy 0.5"), True),
        (made.arm(output='{"accuracy": NaN}'), False),
        (made.arm(how="failed: ValueError: NaN"), False),
        (made.arm(losses=[1.0, *[NAN] * 29]), False),
    ],
)
def test_a_metric_is_missing_where_nothing_went_wrong_and_nothing_was_printed(arm, is_missing):
    assert Measure("accuracy").is_missing(arm) is is_missing
    assert not Measure().is_missing(arm)


@pytest.mark.parametrize("metric", ["(", "a(b)(c)", "a(?:b)"])
def test_a_regular_expression_needs_one_group(metric):
    with pytest.raises(UsageError, match="The metric"):
        Measure(metric)


# --- cured ----------------------------------------------------------------------------------------
BAD = made.scored(0.1, 0.1, "rate-too-high", "loss-flat")


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (made.scored(0.9), ""),
        (made.scored(0.9, 0.9, "loss-flat"), ""),
        (made.scored(0.14), "no better by more than the margin"),
        (made.scored(NAN, 0.9), "no better by more than the margin"),
        (made.scored(0.9, 0.05), "no better than a constant prediction"),
        (made.scored(0.9, 0.9, "rate-too-high"), "rate-too-high is still found"),
        (made.scored(0.9, 0.9, "dead-units"), "a new error: dead-units"),
        (made.scored(0.9, how="failed: ValueError: shape"), "it failed: ValueError: shape"),
        (made.scored(0.9, how="failed: ValueError: a\n  b"), "it failed: ValueError: a b"),
        (made.scored(0.9, how=""), "it never trained"),
        (made.scored(0.9, NAN), ""),
    ],
)
def test_cured_is_better_and_no_constant_without_the_finding_and_new_errors(other, why):
    assert shortcoming(Measure(), "rate-too-high", BAD, other) == why


WORSE = "what the script prints is worse: dev accuracy"


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (0.16, 0.15, WORSE),
        (0.16, 0.16, ""),
        (0.16, 0.9, ""),
        (NAN, 0.1, ""),
        (0.1, NAN, WORSE),
        (NAN, NAN, ""),
    ],
)
def test_what_the_script_prints_beside_the_score_is_not_to_become_worse(before, after, why):
    measure = Measure(beside=Measure("dev", label="dev accuracy"))
    faulty = dataclasses.replace(made.scored(0.1), printed=before)
    other = dataclasses.replace(made.scored(0.9), printed=after)

    assert shortcoming(measure, "rate-too-high", faulty, other) == why


def test_an_arm_has_what_it_prints_beside_its_score():
    measure = Measure(beside=Measure(r"dev ([\d.]+)"))

    scored = Scored.of(made.arm(0.8, output="dev 0.25\n"), measure)

    assert (scored.score, scored.printed) == (pytest.approx(0.8), 0.25)


def test_a_critic_that_is_deceived_does_not_speak_against_its_generator():
    turns = made.curve(1.0, 1.0)
    turns = dataclasses.replace(turns, streams=np.array([0, 1]))
    equal = dataclasses.replace(made.scored(0.9, 0.0), losses=turns)

    assert "constant" in shortcoming(Measure(), "dead-units", BAD, equal)
    assert "constant" in shortcoming(Measure("score"), "dead-units", BAD, made.scored(0.9, 0.0))
    assert shortcoming(Measure("score"), "dead-units", BAD, equal) == ""


def test_an_arm_may_end_as_the_one_without_the_remedy_did():
    how = "stopped after 9 steps (--max-steps)"
    ended = made.scored(0.1, how=how)

    assert shortcoming(Measure(), "dead-units", ended, made.scored(0.9, how=how)) == ""
    assert shortcoming(Measure(), "dead-units", ended, made.scored(0.9)) == ""


def test_an_arm_without_a_run_has_no_score():
    found = Scored.of(dataclasses.replace(made.arm(), trace=None), Measure())

    assert math.isnan(found.score)
    assert math.isnan(found.skill)
    assert (found.alarms, found.how) == ((), "")


def test_an_arm_is_scored_with_what_is_wrong_with_it():
    jumps = [1.0, *[1e3, 2e3] * 20, *[NAN] * 9]

    found = Scored.of(made.arm(NAN, losses=jumps), Measure())

    assert found.score == 0.0
    assert "loss-diverges" in found.alarms
    assert set(found.errors) <= set(found.alarms)
    assert len(found.losses.values) == 50
