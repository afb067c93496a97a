"""Which edits a finding asks for: what the table names exists, and what rules name stands there."""

import numpy as np
import pytest

from lifesigns.evidence import Run
from lifesigns.records import Finding, Kind, RateCurve, Remedy, Severity, Snapshot, Trace
from lifesigns.remedies import EDITS, Edit, all_manuals, for_finding, for_nothing_found, for_sight
from lifesigns.remedies.guard_domain import GuardDomain
from lifesigns.remedies.insert_activation import InsertActivation
from lifesigns.remedies.testing import site, trace_of
from lifesigns.rules import built_in_rules
from lifesigns.rules.testing import chain, regression, snapshot, trace, weights

NAMES = {manual.name for manual in all_manuals()}
RULES = [pytest.param(rule, id=rule.name) for rule in built_in_rules()]
WITH_EDITS = [each for each in RULES if EDITS.get(each.id)]


def judged(rule):
    """Each finding on the cases of a rule, with the trace it was found in."""
    for case in rule.cases:
        if case.fires:
            trace = case.trace()
            yield from ((finding, trace) for finding in rule.judge(Run(trace)))


def test_the_table_names_rules_that_there_are():
    assert EDITS.keys() <= {rule.name for rule in built_in_rules()}


def test_what_the_table_names_is_there_and_all_that_is_there_is_asked_for():
    asked_for = {name for names in EDITS.values() for name in names}
    read = trace_of(site("0:embedding#0", Kind.EMBEDDING))
    on_sight = {edit.name for edit in for_sight(finding("loss-flat"), read)}

    assert asked_for | on_sight == NAMES


@pytest.mark.parametrize("rule", RULES)
def test_a_remedy_names_an_edit_that_is_there_or_none(rule):
    named = {remedy.edit for finding, _ in judged(rule) for remedy in finding.remedies} - {""}

    assert named <= NAMES
    assert bool(named) <= bool(EDITS.get(rule.name)), "the table does not name this rule"


@pytest.mark.parametrize("rule", WITH_EDITS)
def test_an_edit_is_made_of_a_finding_of_each_rule_that_has_some(rule):
    made = [edit for finding, trace in judged(rule) for edit in for_finding(finding, trace)]

    assert made
    assert all(isinstance(edit, Edit) for edit in made)
    assert {edit.name for edit in made} <= NAMES


def chained(*operations):
    return Trace(snapshots=(Snapshot(0, chain(*operations)),), steps=1)


def finding(rule, *edits, causes=()):
    remedies = tuple(Remedy(f"Do {edit}.", edit=edit) for edit in edits)
    return Finding(
        rule, "", Severity.ERROR, "", "", 0, "", "", "", "", causes=causes, remedies=remedies
    )


def test_the_remedies_of_the_finding_come_first_and_each_kind_before_another_of_the_same():
    edits = for_finding(finding("loss-diverges", "warm-up"), Trace(steps=50))

    once = ["warm-up", "scale-rate", "clip-gradient"]
    assert [edit.name for edit in edits] == [*once, "scale-rate", "scale-rate"]
    assert edits[0].steps == 5
    factors = [edit.factor for edit in edits if edit.name == "scale-rate"]
    assert factors == pytest.approx([0.1, 0.01, 0.001])


def test_a_cause_that_asks_for_larger_steps_gets_them():
    edits = for_finding(finding("loss-flat", "scale-rate", causes=("lr_too_low",)), Trace())

    assert edits[0].factor == 10


def test_an_exponential_hidden_layer_is_replaced_before_anything_is_scaled():
    layers = (site("0:linear#0", Kind.LINEAR), site("1:exp#0"), site("2:linear#0", Kind.LINEAR))

    first, second, *_ = for_finding(finding("gain-mismatch", "initialise"), trace_of(*layers))

    assert (first.name, first.to, first.start.scheme) == ("swap-activation", "tanh", "glorot")
    assert second.name == "initialise"


@pytest.mark.parametrize(("update", "is_asked"), [(1e-6, True), (0.05, False)])
def test_clipping_is_blamed_where_steps_are_shorter_than_rate_and_gradient_make_them(
    update, is_asked
):
    graph = chain("linear", "relu", "linear/1", "mse_loss")
    read = weights(graph, learning_rate=0.1, gradient_rms=0.5, update_rms=update)
    shown = trace(snapshot(graph, parameters=read), losses=[1.0])

    edits = [edit.name for edit in for_finding(finding("rate-too-low", "scale-rate"), shown)]

    assert (edits[0] == "clip-less") == is_asked
    assert ("clip-less" in edits) == is_asked


def test_a_rate_is_held_only_where_a_schedule_holds_it_down():
    rates = {0.1: False, 1e-5: True}

    for last, is_asked in rates.items():
        curve = RateCurve(
            np.array([0, 10]), np.zeros(2, int), np.array([0.1, last]), np.ones(1) / 10
        )
        shown = Trace(steps=100, rates=curve)
        edits = [edit.name for edit in for_finding(finding("rate-too-low"), shown)]
        assert ("hold-rate" in edits[:1]) == is_asked


@pytest.mark.parametrize(
    ("optimized", "edit", "asked"),
    [
        (True, "reattach", {"reattach"}),
        (False, "optimize-all", {"optimize-all"}),
    ],
)
def test_of_parameters_that_stand_still_the_reason_is_mended(optimized, edit, asked):
    graph = chain("linear", "relu", "linear/1", "mse_loss")
    shown = trace(snapshot(graph, parameters=weights(graph, optimized=optimized)), losses=[1.0])

    edits = {each.name for each in for_finding(finding("detached-parameters", edit), shown)}

    assert edits == asked


def test_a_rule_of_another_distribution_gets_what_its_remedies_name():
    assert [e.name for e in for_finding(finding("its-own", "shuffle"), Trace())] == ["shuffle"]
    assert for_finding(finding("its-own"), Trace()) == []


def test_where_nothing_was_found_the_commonest_edits_are_tried_each_once():
    trace = regression([1.0] * 100, update=1e-3)

    tried = for_nothing_found(trace)

    names = [edit.name for _, edit in tried]
    assert names[:3] == ["scale-rate", "scale-rate", "initialise"]
    assert {finding.rule for finding, _ in tried} == {"undiagnosed"}
    assert all(edit not in [e for _, e in tried[:i]] for i, (_, edit) in enumerate(tried))


def test_an_operation_with_an_infinite_slope_is_guarded_where_nothing_was_recorded():
    rule = next(each.values[0] for each in RULES if each.id == "non-finite-origin")
    steep = [(f, trace) for f, trace in judged(rule) if f.evidence.get("steep")]

    assert steep
    assert all(for_finding(*each)[0] == GuardDomain("sqrt") for each in steep)


@pytest.mark.parametrize(("last", "tried"), [(0.01, True), (0.08, False)])
def test_a_decay_is_doubted_where_the_weights_shrank_away(last, tried):
    graph = chain("linear", "relu", "linear", "mse_loss")
    shots = [
        snapshot(graph, step=n, parameters=weights(graph, weight_rms=size))
        for n, size in ((0, 0.1), (90, last))
    ]

    edits = for_finding(finding("loss-flat"), trace(*shots, losses=[1.0] * 99))

    assert ("lower-decay" in [edit.name for edit in edits]) is tried


def test_an_activation_goes_behind_the_norm_of_a_layer_from_which_dropout_leads_to_the_next():
    known = chained("linear", "batch_norm", "dropout", "linear", "relu", "linear/1")

    assert InsertActivation(("1",)) in for_finding(finding("linear-collapse"), known)
