"""Suspected by elimination, unrelated labels lead the flat loss and follow any cause of it."""

import dataclasses

import pytest

from lifesigns.evidence import Run
from lifesigns.rules import all_rules, judge
from lifesigns.rules.data.labels_unrelated import RULE

FLAT = RULE.cases[0].trace()


def test_it_leads_when_nothing_else_explains_the_flat_loss():
    first, *rest = judge(FLAT)

    assert first.rule == "labels-unrelated"
    assert {f.rule: f.explained_by for f in rest}["loss-flat"] == "labels-unrelated"


@pytest.mark.parametrize(
    "cause",
    ["logits-as-probabilities", "classes-as-numbers", "unshuffled-or-single-class-batches"],
)
def test_it_follows_whatever_explains_the_flat_loss(cause):
    """Another rule that alarms on this run stands for its finding."""
    other = next(rule for rule in all_rules() if rule.name == cause)
    found = dataclasses.replace(next(RULE.judge(Run(FLAT))), rule=cause, code=other.code, site="")
    alarming = dataclasses.replace(other, check=None, check_run=lambda run: [found])
    rules = [alarming if rule.name == cause else rule for rule in all_rules()]

    first, *rest = judge(FLAT, rules)

    assert first.rule == cause
    assert {f.rule: f.explained_by for f in rest}["labels-unrelated"] == cause


@pytest.mark.parametrize(
    ("near_miss", "leads", "cause"),
    [
        ("outputs correlate with the targets, if little", "loss-flat", "too_few_epochs"),
        ("a layer with inputs of one sign may zig-zag instead", "one-sided-inputs", "other"),
    ],
)
def test_labels_are_not_doubted_where_another_cause_or_a_relation_is_in_evidence(
    near_miss, leads, cause
):
    trace = next(case for case in RULE.cases if case.name.endswith(near_miss)).trace()

    found = {finding.rule: finding for finding in judge(trace)}

    assert next(iter(found)) == leads
    assert found["loss-flat"].causes == (cause,)
    assert "labels-unrelated" not in found
