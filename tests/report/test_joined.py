"""Which ranks a finding is said to hold on, and where ranks are said to differ."""

from dataclasses import replace

import pytest

from lifesigns.records import RunInfo, Trace
from lifesigns.report.joined import Joined, Part
from lifesigns.report.language import Language
from lifesigns.report.sentences import in_other_words
from lifesigns.rules import Selection, all_rules, judge
from lifesigns.rules import testing as examples


def faulty():
    """A run with dead units, from the cases of the rule."""
    rule = next(rule for rule in all_rules() if rule.name == "dead-units")
    return next(case.trace() for case in rule.cases if case.fires)


def part(trace, remark=""):
    return Part(trace, judge(trace), remark)


def joined(*traces, world=None, missing=None):
    parts = {number: part(trace) for number, trace in enumerate(traces)}
    return Joined.of(parts, world or len(traces), Selection(), missing)


def test_what_holds_on_all_ranks_reads_as_ever():
    trace = faulty()

    report = joined(trace, trace)

    assert {f.symptom for f in report.report.findings} <= {f.symptom for f in judge(trace)}
    assert report.ranks["dead-units", report.report.findings[0].site] == (0, 1)


def test_what_holds_on_one_rank_only_is_found_and_says_so():
    trace = faulty()

    report = joined(Trace(info=RunInfo(outcome="finished")), trace, Trace(), world=4)

    symptom = report.report.findings[0].symptom
    assert symptom.startswith("on rank 1 of 4: ")
    in_chinese = in_other_words(Language.CHINESE, report.report.findings[0].rule, symptom)
    assert in_chinese is not None
    assert in_chinese.startswith("在 4 个进程中的 rank 1 上：")
    assert not report.ok


def test_ranks_that_are_missing_are_named_with_the_reason():
    trace = faulty()

    report = joined(trace, trace, world=3, missing={2: "left no run here"})

    lines = list(report.lines())
    assert lines[0] == "ranks 0 and 1 of 3 are in this report"
    assert "rank 2 left no run here" in lines
    assert report.to_json()["ranks"]["missing"] == {"2": "left no run here"}


def test_copies_of_a_weight_that_are_not_equal_are_named():
    graph = examples.chain("linear", "relu", "linear", "nll_loss")

    def run(rms, shards=1):
        weights = examples.weights(graph, weight_rms=rms)
        spread = tuple(replace(w, shards=shards) for w in weights)
        return examples.trace(examples.snapshot(graph, parameters=spread), losses=[1.0])

    differing = joined(run(0.1), run(0.1), run(0.2)).differences
    assert any("weights are not the same" in said for said in differing)
    assert any("0.1 on ranks 0, 1; 0.2 on rank 2" in said for said in differing)
    assert joined(run(0.1), run(0.1)).differences == ()
    assert joined(run(0.1, 2), run(0.2, 2)).differences == ()


@pytest.mark.parametrize(
    ("ranks", "said"), [((0, 1), "ranks 0 and 1"), ((0, 1, 2, 3), "ranks 0 to 3"), ((3,), "rank 3")]
)
def test_ranks_are_listed_briefly(ranks, said):
    parts = {number: part(Trace()) for number in ranks}

    assert next(Joined.of(parts, len(ranks), Selection()).lines()).startswith(said)
