"""Every rule's own cases: the traces on which it must fire and on which it must stay silent."""

from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest

from lifesigns.evidence import Run
from lifesigns.functions import ACTIVATIONS
from lifesigns.record.graph.site_plan import HOOKED_KINDS
from lifesigns.records import (
    EVERYTHING,
    Finding,
    Graph,
    Kind,
    LossCurve,
    Quantity,
    Severity,
    SiteReading,
    Trace,
    UnitSums,
    from_json,
    to_json,
)
from lifesigns.rules import CAUSES, all_rules, judge
from lifesigns.rules import testing as example
from lifesigns.rules._engine import FAILED

RANK = [Severity.NOTE, Severity.WARNING, Severity.ERROR]
CASES = [
    pytest.param(rule, case, id=f"{rule.code} {rule.name}: {case.name}")
    for rule in all_rules()
    for case in rule.cases
]


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_a_rule_fires_exactly_on_the_cases_that_say_so(rule, case):
    alarms = [f.severity for f in rule.judge(Run(case.trace())) if f.severity is not Severity.NOTE]

    if case.fires in (None, Severity.NOTE):
        assert alarms == []
    else:
        assert max(map(RANK.index, alarms), default=-1) >= RANK.index(case.fires)


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_a_rule_judges_a_run_whose_sites_are_named_otherwise_later(rule, case):
    trace = case.trace()
    half = len(trace.snapshots) // 2
    later = [renamed(s) for s in (trace.snapshots[half:] if half else trace.snapshots)]
    shots = (*trace.snapshots[: half or 1], *later)

    for snapshots in (shots, tuple(replace(s, step=k) for k, s in enumerate(reversed(shots)))):
        found = judge(replace(trace, snapshots=snapshots), [rule])
        assert FAILED not in {finding.rule for finding in found}


def renamed(shot):
    """As it is named when a second model has been found."""

    def other(names):
        return tuple(f"Model0.{name}" for name in names)

    sites = tuple(
        replace(s, module=f"Model0.{s.module}", parameters=other(s.parameters))
        for s in shot.graph.sites
    )
    parameters = tuple(replace(p, name=f"Model0.{p.name}") for p in shot.parameters)
    return replace(shot, graph=Graph(sites, shot.graph.edges), parameters=parameters)


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_a_case_holds_only_what_the_recorder_can_read(rule, case):
    for shot in case.trace().snapshots:
        for reading in shot.sites:
            assert is_possible(shot.graph.sites[reading.site], reading)


@pytest.mark.parametrize(
    ("operation", "value"),
    [("linear", 1.0), ("batch_norm", 1.0), ("mse_loss", 1.0), ("log", 1.0), ("relu", -1.0)],
)
def test_a_reading_that_the_recorder_never_takes_is_told(operation, value):
    site = example.chain(operation).sites[0]

    assert not is_possible(site, SiteReading(0, example.sums([[value]])))


def is_possible(site, reading):
    """Whether the recorder reads such a site, and whether the operation gives such values."""
    if site.kind not in HOOKED_KINDS:
        return False
    if reading.value is None:
        return True
    if site.kind is Kind.OTHER:
        return "length_dim" in site.details
    known = ACTIVATIONS.get(site.operation)
    low, high = known.range(site.details) if known else (-np.inf, np.inf)
    seen = reading.value.count > 0
    return (reading.value.minimum[seen] >= low).all() and (
        reading.value.maximum[seen] <= high
    ).all()


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_what_a_rule_finds_is_complete_and_survives_storage(rule, case):
    for finding in rule.judge(Run(case.trace())):
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

    assert to_json(tuple(rule.judge(Run(stored)))) == to_json(tuple(rule.judge(Run(live))))


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_no_rule_fails_on_the_traces_of_another(rule, case):
    assert FAILED not in [finding.rule for finding in judge(case.trace())]


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_a_rule_reads_nothing_that_it_does_not_declare(rule, case):
    whole = case.trace()

    declared = example.without(whole, EVERYTHING - rule.reads)

    assert to_json(tuple(rule.judge(Run(declared)))) == to_json(tuple(rule.judge(Run(whole))))


@pytest.mark.parametrize("quantity", Quantity)
def test_a_rule_that_reads_something_undeclared_is_told(quantity):
    """Each quantity is declared by a rule that would not judge some case of its own the same."""
    assert any(
        to_json(tuple(rule.judge(Run(example.without(case.trace(), [quantity])))))
        != to_json(tuple(rule.judge(Run(case.trace()))))
        for rule in all_rules()
        if quantity in rule.reads
        for case in rule.cases
    )


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_missing_readings_stop_no_rule(rule, case):
    list(rule.judge(Run(example.unread(case.trace()))))


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_readings_that_are_not_finite_stop_no_rule(rule, case):
    list(rule.judge(Run(spoiled(case.trace()))))


def spoiled(record):
    """The record with NaN for every number that was measured; graphs and counts stay."""
    if isinstance(record, UnitSums):
        return UnitSums.of(np.full((4, record.units), np.nan))
    if isinstance(record, LossCurve):
        return replace(record, values=np.full(len(record.values), np.nan))
    if isinstance(record, tuple):
        return tuple(map(spoiled, record))
    if isinstance(record, float):
        return float("nan")
    if is_dataclass(record) and not isinstance(record, Graph):
        return replace(record, **{f.name: spoiled(getattr(record, f.name)) for f in fields(record)})
    return record
