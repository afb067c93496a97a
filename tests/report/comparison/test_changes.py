from dataclasses import replace

import pytest
from compared_runs import GRAPH, run, shot
from hypothesis import given
from hypothesis import strategies as st

from lifesigns.records import Finding, Severity
from lifesigns.report.comparison.changes import changes
from lifesigns.rules import testing as example


def found(rule, site="", severity=Severity.WARNING, symptom=""):
    return Finding(rule, "", severity, symptom, site, 0, "", "", "", "")


DEAD, FLAT = found("dead-units", "1:relu#0"), found("loss-flat", severity=Severity.ERROR)
RUNS = (run(), run())


def words(first, other, runs=RUNS):
    return [(c.word, c.finding.rule, c.finding.site) for c in changes(first, other, runs)]


def test_findings_go_come_and_stay_by_rule_and_place():
    elsewhere = found("dead-units", "3:tanh#0")

    assert words([FLAT, DEAD], [FLAT, elsewhere]) == [
        ("gone", "dead-units", "1:relu#0"),
        ("new", "dead-units", "3:tanh#0"),
        ("same", "loss-flat", ""),
    ]


def test_a_finding_whose_place_has_another_name_is_the_same():
    sites = tuple(replace(site, module=f"body.{site.module}") for site in GRAPH.sites)
    renamed = run(shot(0, graph=replace(GRAPH, sites=sites)))

    (change,) = changes([DEAD], [found("dead-units", "body.1:relu#0")], (run(), renamed))

    assert (change.word, change.first) == ("same", DEAD)


def test_a_finding_at_a_place_that_both_have_is_not_matched_with_one_that_moved():
    other = run(shot(0, graph=example.chain("linear", "relu", "linear", "mse_loss")))

    assert words([found("dead-units", "3:tanh#0")], [DEAD], (run(), other)) == [
        ("gone", "dead-units", "3:tanh#0"),
        ("new", "dead-units", "1:relu#0"),
    ]


def test_two_findings_at_one_place_are_two():
    assert words([DEAD, DEAD], [DEAD]) == [
        ("gone", "dead-units", "1:relu#0"),
        ("same", "dead-units", "1:relu#0"),
    ]


@pytest.mark.parametrize(
    ("was", "now", "alarm"),
    [
        (None, Severity.ERROR, True),
        (None, Severity.NOTE, False),
        (Severity.NOTE, Severity.WARNING, True),
        (Severity.WARNING, Severity.ERROR, False),
        (Severity.ERROR, None, False),
    ],
)
def test_an_alarm_is_new_where_there_was_none(was, now, alarm):
    before, after = (
        [] if severity is None else [found("loss-flat", severity=severity)]
        for severity in (was, now)
    )

    (change,) = changes(before, after, RUNS)

    assert change.is_new_alarm is alarm


FINDINGS = st.lists(
    st.builds(
        found,
        st.sampled_from(["dead-units", "loss-flat"]),
        st.sampled_from(["", "1:relu#0", "gone:relu#0", "new:relu#0"]),
        st.sampled_from(Severity),
    ),
    max_size=6,
)


@given(FINDINGS, FINDINGS)
def test_every_finding_is_in_exactly_one_change(first, other):
    made = changes(first, other, RUNS)

    for given_, kept in ((first, [c.first for c in made]), (other, [c.other for c in made])):
        assert sorted(map(id, given_)) == sorted(id(one) for one in kept if one is not None)


@given(FINDINGS)
def test_a_run_has_nothing_new_against_itself(findings):
    assert {c.word for c in changes(findings, findings, RUNS)} <= {"same"}
