"""Every rule's own cases: the traces on which it must fire and on which it must stay silent."""

import pytest

from lifesigns.records import Finding, Severity, Trace, from_json, to_json
from lifesigns.rules import CAUSES, all_rules, judge
from lifesigns.rules._engine import FAILED

RANK = [Severity.NOTE, Severity.WARNING, Severity.ERROR]
CASES = [
    pytest.param(rule, case, id=f"{rule.code} {rule.name}: {case.name}")
    for rule in all_rules()
    for case in rule.cases
]


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_a_rule_fires_exactly_on_the_cases_that_say_so(rule, case):
    alarms = [f.severity for f in rule.check(case.trace()) if f.severity is not Severity.NOTE]

    if case.fires in (None, Severity.NOTE):
        assert alarms == []
    else:
        assert max(map(RANK.index, alarms), default=-1) >= RANK.index(case.fires)


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_what_a_rule_finds_is_complete_and_survives_storage(rule, case):
    for finding in rule.check(case.trace()):
        assert finding.rule == rule.name
        assert finding.causes
        assert set(finding.causes) <= CAUSES
        assert len(finding.symptom) <= 160
        assert finding.measured
        assert finding.expected
        assert finding.certainty
        assert finding.remedies or finding.severity is Severity.NOTE
        assert from_json(Finding, to_json(finding)) == finding


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_a_stored_trace_is_judged_like_the_live_one(rule, case):
    live = case.trace()

    stored = from_json(Trace, to_json(live))

    assert to_json(tuple(rule.check(stored))) == to_json(tuple(rule.check(live)))


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_no_rule_fails_on_the_traces_of_another(rule, case):
    assert FAILED not in [finding.rule for finding in judge(case.trace())]
