"""Judgement and ranking."""

import warnings
from dataclasses import replace

import numpy as np

from lifesigns.records import EVERYTHING, Coverage, Quantity, Severity, Trace
from lifesigns.rules import Rule, judge
from lifesigns.rules import testing as example
from lifesigns.rules._engine import FAILED

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


def rule(name, severity=WARNING, *, explains=(), **where):
    """A rule that always finds one thing."""

    def check_run(run):
        settings = {"measured": "seen", "expected": "unseen", **where}
        yield made.finding(severity, name, **settings)

    made = Rule("ACT999", name, name, "Why. How.", check_run=check_run, explains=explains)
    return made


def order(*rules, trace=None):
    return [finding.rule for finding in judge(trace or Trace(), rules)]


def test_a_rule_that_raises_loses_no_other_finding():
    broken = replace(rule("broken-rule"), check_run=lambda run: [1 / 0])

    findings = judge(Trace(), [broken, rule("second", NOTE)])

    assert {f.rule for f in findings} == {FAILED, "second"}
    failed = next(f for f in findings if f.rule == FAILED)
    assert failed.severity is NOTE
    assert "broken-rule" in failed.symptom
    assert "ZeroDivisionError" in failed.symptom


def test_losses_near_the_largest_number_make_no_rule_warn():
    losses = np.resize([1e300, -1e300, 1e308, -1e308], 200)
    shots = [example.snapshot(example.chain("linear/1", "mse_loss"), step=s) for s in (0, 199)]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        findings = judge(example.trace(*shots, losses=losses))

    assert FAILED not in {finding.rule for finding in findings}


def test_a_rule_is_not_asked_of_a_run_that_was_recorded_without_what_it_needs():
    left_out = Coverage(unmeasured=(Quantity.STALE,))
    part = example.trace(example.snapshot(example.chain("linear"), coverage=left_out))
    content = replace(rule("content"), reads=EVERYTHING - {Quantity.STALE})

    assert order(rule("demanding"), content, trace=part) == ["content"]


def test_errors_come_before_warnings_before_notes():
    assert order(rule("a", NOTE), rule("b", WARNING), rule("c", ERROR)) == ["c", "b", "a"]


def test_a_cause_comes_before_the_symptom_it_explains_even_if_that_is_graver():
    assert order(rule("symptom", ERROR), rule("cause", explains=("symptom",))) == [
        "cause",
        "symptom",
    ]


def test_what_comes_later_explains_nothing_earlier():
    late = rule("late", explains=("early",), step=7)

    assert order(late, rule("early", step=3, site="0:relu#0")) == ["early", "late"]


def test_what_happens_on_the_way_can_explain_the_course_of_the_whole_run():
    flat = rule("flat", ERROR)

    assert order(rule("died", ERROR, explains=("flat",), step=7), flat) == ["died", "flat"]


def test_a_note_explains_nothing():
    assert order(rule("symptom"), rule("hint", NOTE, explains=("symptom",))) == ["symptom", "hint"]


def test_explanations_form_chains():
    first = rule("first", explains=("second",))
    second = rule("second", explains=("third",))

    assert order(rule("third", ERROR), second, first) == ["first", "second", "third"]


def test_explanations_are_followed_where_a_link_of_the_chain_was_not_found():
    first, second = rule("first", explains=("second",)), rule("second", explains=("third",))
    silent = replace(second, check_run=lambda run: ())

    findings = judge(Trace(), [rule("third", ERROR), silent, first])

    assert [(f.rule, f.explained_by) for f in findings] == [("first", ""), ("third", "first")]


def test_what_is_explained_names_the_root_cause_not_the_next_link():
    first = rule("first", explains=("second",))
    second = rule("second", explains=("third",))

    findings = judge(Trace(), [rule("third"), second, first])

    assert [f.explained_by for f in findings] == ["", "first", "first"]


def test_other_root_causes_come_before_what_the_first_explains():
    cause = rule("cause", ERROR, explains=("symptom",))

    assert order(rule("symptom", ERROR), cause, rule("other")) == ["cause", "other", "symptom"]


def test_a_root_cause_is_as_urgent_as_the_gravest_finding_it_explains():
    cause = rule("cause", WARNING, explains=("symptom",))

    assert order(rule("other", WARNING), cause, rule("symptom", ERROR)) == [
        "cause",
        "other",
        "symptom",
    ]


def test_an_alarm_explains_a_note_and_notes_come_last():
    cause = rule("cause", explains=("hint",))

    findings = judge(Trace(), [rule("hint", NOTE), cause, rule("other")])

    assert [(f.rule, f.explained_by) for f in findings] == [
        ("cause", ""),
        ("other", ""),
        ("hint", "cause"),
    ]


def test_nothing_explains_itself_whatever_circle_it_is_part_of():
    one, two = rule("one", explains=("two",)), rule("two", explains=("one",))

    findings = judge(Trace(), [one, two])

    assert [f.explained_by for f in findings] == ["", "one"]


def test_a_circle_of_explanations_is_led_by_the_most_urgent():
    one, two = rule("one", explains=("two",)), rule("two", ERROR, explains=("one",))

    assert order(one, two) == ["two", "one"]


def test_what_is_proved_comes_before_what_is_statistical():
    sampled = rule("sampled", certainty="95 % confidence")

    assert order(sampled, rule("proved", certainty="proved on the graph")) == ["proved", "sampled"]


def test_earlier_in_the_run_comes_first():
    assert order(rule("late", step=9), rule("early", step=2)) == ["early", "late"]


def test_nearer_the_input_comes_first():
    graph = example.chain("linear", "relu", "linear")
    trace = example.trace(example.snapshot(graph))

    found = order(rule("deep", site="2.weight"), rule("shallow", site="1:relu#0"), trace=trace)

    assert found == ["shallow", "deep"]


def test_a_place_comes_before_the_run_as_a_whole():
    graph = example.chain("linear", "relu", "linear")
    trace = example.trace(example.snapshot(graph))

    found = order(
        rule("whole"), rule("deep", site="2.weight"), rule("in", site="input"), trace=trace
    )

    assert found == ["in", "deep", "whole"]
