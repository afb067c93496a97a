"""A long run is judged by fewer snapshots, and as if by all of them."""

from dataclasses import replace

import numpy as np
import pytest

from lifesigns.evidence import Run
from lifesigns.evidence.thinning import FIRST, LAST, NOTABLE, WHOLE, thinned
from lifesigns.records import Graph, NonFinite, Severity, SiteReading, Snapshot, Trace
from lifesigns.rules import all_rules, judge
from lifesigns.rules import testing as example

CASES = [
    pytest.param(rule, case, id=f"{rule.name}: {case.name}")
    for rule in all_rules()
    for case in rule.cases
    if case.fires and case.trace().snapshots
]
GRAPH = Graph()


def run(steps, **marked):
    """A run of bare snapshots; `marked` holds what differs at some steps."""
    shots = (Snapshot(s, GRAPH, **marked.get(f"at{s}", {})) for s in range(steps))
    return example.trace(*shots, losses=np.ones(steps))


def steps(trace):
    return [snapshot.step for snapshot in trace.snapshots]


def test_a_short_run_is_judged_whole():
    short = run(WHOLE)

    assert thinned(short) is short


def test_first_last_and_powers_of_two_are_kept_in_order():
    kept = steps(thinned(run(5000)))

    assert kept == sorted(kept)
    assert kept[:FIRST] == list(range(FIRST))
    assert kept[-LAST:] == list(range(5000 - LAST, 5000))
    assert {16, 256, 4096} <= set(kept)


def test_no_part_of_a_run_is_left_out():
    kept = steps(thinned(run(5000)))

    assert max(np.diff(kept)) <= 2 * 5000 / WHOLE


@pytest.mark.parametrize("length", [WHOLE + 1, 1000, 20_000])
def test_the_work_is_bounded(length):
    assert len(thinned(run(length)).snapshots) <= WHOLE + 1


def test_what_was_recorded_for_a_reason_is_kept():
    origin = NonFinite("forward", "3:log#0", "log", 8)

    kept = steps(thinned(run(5000, at1234={"reason": "spike"}, at1300={"nonfinite": origin})))

    assert {1234, 1300} <= set(kept)


def test_of_a_run_that_stays_not_finite_the_beginning_is_kept():
    origin = NonFinite("parameters", "0.weight", "", 8)
    broken = {f"at{s}": {"nonfinite": origin} for s in range(1001, 5000)}

    kept = set(steps(thinned(run(5000, **broken))))

    assert set(range(1001, 1001 + NOTABLE)) <= kept
    assert len(kept) < 2 * WHOLE


def test_a_step_is_kept_with_all_its_snapshots():
    shots = [Snapshot(s, GRAPH, stream) for s in range(400) for stream in (0, 1, 1)]

    kept = thinned(example.trace(*shots))

    assert len(kept.snapshots) == 3 * len(set(steps(kept)))
    assert len(kept.snapshots) <= 2 * WHOLE


def test_losses_are_all_kept():
    long = run(1000)

    assert thinned(long).losses is long.losses
    assert thinned(long).steps == 1000


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_a_rule_fires_on_a_long_run_of_its_case_thinned_or_whole(rule, case):
    long = lengthened(case.trace())

    thin = thinned(long)

    assert len(thin.snapshots) < len(long.snapshots)
    assert severities(rule, thin) == severities(rule, long)


def test_a_unit_that_fires_at_times_is_not_taken_for_dead():
    values = np.ones((32, 10))
    values[:, :5] = 0
    rare = values.copy()
    rare[0] = 1
    graph = example.chain("linear", "relu", "linear", "mse_loss", units=10, batch=32)
    shots = (
        example.snapshot(
            graph, step=s, sites=[SiteReading(1, example.sums(rare if s % 5 == 0 else values))]
        )
        for s in range(1000)
    )

    findings = judge(example.trace(*shots, losses=np.ones(1000)))

    assert "dead-units" not in [f.rule for f in findings if f.severity is not Severity.NOTE]


def lengthened(known: Trace) -> Trace:
    """The run going on as its last snapshot, in every stream, beyond what is judged whole."""
    last = [known.stream(n)[-1] for n in sorted({s.stream for s in known.snapshots})]
    end = known.snapshots[-1].step
    more = (replace(shot, step=end + s) for s in range(1, 2 * WHOLE) for shot in last)
    return replace(known, snapshots=(*known.snapshots, *more))


def severities(rule, trace):
    return [finding.severity for finding in rule.judge(Run(trace))]
