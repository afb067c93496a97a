"""What a rule counts over samples, it says of how many, and how far it may be off."""

import re

import numpy as np
import pytest

from lifesigns.evidence import Run
from lifesigns.evidence.shares import at_most
from lifesigns.records import Severity, SiteReading
from lifesigns.rules import all_rules, find_rule
from lifesigns.rules import testing as example

GRAPH = example.chain("linear", "relu", "linear", "mse_loss", units=10, batch=64)
COUNTED = {
    "dead-units": ("activity", r"in all \d+ samples of the last (\d+ )?recorded steps?"),
    "dead-from-birth": ("activity", r"in all \d+ samples of step 0"),
    "saturated-units": ("saturated_share", r"in most of \d+ samples from the last \d+ recorded"),
    "squared-error-on-saturated-output": ("saturated_share", r""),
    "classes-as-numbers": ("zeros", r"no label 0 among \d+, in \d+ recorded steps?"),
    "constant-features": ("differing", r"in all \d+ recorded samples"),
}
"""Rules whose findings rest on a count over samples: the number with an interval, and the words."""


def findings(name):
    """What a rule finds in those of its cases in which only a part of the steps was recorded."""
    rule = find_rule(name)
    return [found for case in rule.cases for found in rule.judge(Run(case.trace()))]


def silent_for(steps, *, of):
    """Half a layer is silent in these steps."""
    shots = [example.snapshot(GRAPH, step=s, sites=[example.silent(1, 5)]) for s in steps]
    known = example.trace(*shots, losses=[1.0] * of)
    (found,) = find_rule("dead-units").judge(Run(known))
    return found


@pytest.mark.parametrize("name", COUNTED)
def test_a_count_over_samples_says_how_many_there_were_and_carries_its_interval(name):
    number, words = COUNTED[name]

    counted = [found for found in findings(name) if found.intervals]

    assert counted
    for found in counted:
        low, high = found.intervals[number]
        assert low <= found.evidence[number] <= high
        assert re.search(words, found.measured)
        assert "95 % confidence" in found.certainty


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_exact_and_never_are_not_said_of_a_part_without_saying_that_it_is_one(rule):
    for case in rule.cases:
        for found in rule.judge(Run(case.trace())):
            assert found.certainty != "exact" or found.rule in ARITHMETIC
            assert "never" not in found.symptom


ARITHMETIC = {"single-unit-softmax"}
"""Exact by the shapes alone, whatever the values are."""


def test_units_that_were_silent_in_recorded_samples_look_dead():
    found = silent_for(range(0, 40, 10), of=40)

    assert found.symptom == "50% of the units at 1:relu#0 look dead from the first step on"
    assert found.measured.startswith(
        "5 of 10 units at 1:relu#0 gave 0 in all 64 samples of the last recorded step"
    )
    assert found.intervals == {"activity": (0, at_most(64, among=10))}


def test_units_that_were_silent_in_every_sample_of_the_last_quarter_are_dead():
    found = silent_for(range(40), of=40)

    assert found.symptom == "50% of the units at 1:relu#0 are dead from the first step on"
    assert "in all 640 samples of the last 10 steps" in found.measured
    assert found.intervals == {}


def test_a_smaller_last_batch_counts_with_its_own_size():
    smaller = example.chain("linear", "relu", "linear", "mse_loss", units=10, batch=24)
    shots = [
        example.snapshot(GRAPH, step=0, sites=[example.silent(1, 5)]),
        *(example.snapshot(GRAPH, step=s, sites=[example.silent(1, 5)]) for s in range(1, 7)),
        example.snapshot(smaller, step=7, sites=[example.silent(1, 5, batch=24)]),
    ]

    (found,) = find_rule("dead-units").judge(Run(example.trace(*shots, losses=[1.0] * 99)))

    assert "in all 88 samples of the last 2 recorded steps" in found.measured


def test_a_unit_near_the_limit_widens_the_interval_of_a_share():
    graph = example.chain("linear", "tanh", "linear", "mse_loss", units=4, batch=100)
    flat = np.arange(100).reshape(-1, 1) < np.array([100, 100, 55, 0])
    reading = SiteReading(1, example.sums(np.where(flat, 1.0, 0.1), saturated=flat))
    run = example.trace(example.snapshot(graph, sites=[reading]), losses=[1.0] * 9)

    (found,) = find_rule("saturated-units").judge(Run(run))

    assert found.severity is Severity.NOTE
    assert found.evidence["saturated_share"] == 0.75
    assert found.intervals == {"saturated_share": (0.5, 0.75)}
    assert "50 % to 75 % at 95 % confidence" in found.certainty
