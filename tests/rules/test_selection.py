"""Rules that are not asked, and places that are left alone."""

import pytest

from lifesigns._errors import UsageError
from lifesigns.records import EVERYTHING
from lifesigns.rules import Selection, all_rules, find_rule, judge


def case(name):
    rule = find_rule(name)
    return next(c for c in rule.cases if c.fires).trace()


def test_an_empty_selection_is_all_rules():
    trace = case("dead-units")

    judgement = Selection.of().judge(trace)

    assert judgement.findings == judge(trace)
    assert judgement.ignored == {}


def test_a_selection_needs_what_its_rules_need():
    a, b = find_rule("gradients-pile-up"), find_rule("constant-features")

    assert Selection.of([a.name, b.name]).reads == a.reads | b.reads
    assert Selection.of([a.name], [a.name]).reads == frozenset()
    assert Selection.of(sites={"encoder.*": [a.name]}).reads == EVERYTHING


@pytest.mark.parametrize("word", ["dead-units", "ACT001", "act001", "ACT"])
def test_names_codes_and_families_select(word):
    judgement = Selection.of([word]).judge(case("dead-units"))

    assert {f.rule for f in judgement.findings} == {"dead-units"}


def test_what_is_ignored_is_counted():
    trace = case("dead-units")

    judgement = Selection.of(ignore=["dead-units"]).judge(trace)

    assert "dead-units" not in {f.rule for f in judgement.findings}
    assert judgement.ignored["dead-units"] == sum(f.rule == "dead-units" for f in judge(trace))


def test_ignoring_goes_before_selecting():
    assert Selection.of(["ACT"], ["dead-units"]).judge(case("dead-units")).findings == ()


def test_a_rule_is_ignored_at_the_places_that_match_only():
    trace = case("dead-units")
    site = next(f.site for f in judge(trace) if f.rule == "dead-units")

    there = Selection.of(sites={f"{site[:2]}*": ["dead-units"]}).judge(trace)
    wrapped = Selection.of(sites={f"module._orig_mod.{site[:2]}*": ["dead-units"]}).judge(trace)
    elsewhere = Selection.of(sites={"decoder.*": ["dead-units"]}).judge(trace)

    assert "dead-units" not in {f.rule for f in there.findings}
    assert there.ignored == wrapped.ignored == {"dead-units": 1}
    assert elsewhere.findings == judge(trace)


def test_what_an_ignored_cause_explained_stands_for_itself():
    for rule in all_rules():
        for each in rule.cases:
            trace = each.trace()
            roots = {f.explained_by for f in judge(trace) if f.explained_by}
            for root in roots:
                left = Selection.of(ignore=[root]).judge(trace).findings
                assert root not in {f.explained_by for f in left}


def test_an_unknown_rule_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="Did you mean dead-units"):
        Selection.of(ignore=["dead-unit"])
