"""What is recorded where not everything is asked for."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lifesigns
from lifesigns.records import EVERYTHING, Coverage, Quantity, to_json
from lifesigns.rules import Selection, all_rules, judge
from lifesigns.rules import testing as example
from lifesigns.store import read_run


def trained(recording, needs, *, optimizer=torch.optim.SGD, zero=True):
    """The trace and the weights of a small network, trained for a few steps."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 5), nn.Softmax(1))
    stepping = optimizer(model.parameters(), 0.1)
    x, y = torch.randn(8, 3), torch.randint(0, 5, (8,))
    recorder = recording(every=2, needs=needs)
    for _ in range(5):
        if zero:
            stepping.zero_grad()
        F.cross_entropy(model(x), y).backward()
        stepping.step()
    recorder.stop()
    return recorder.trace(), [p.detach().clone() for p in model.parameters()]


def measured(trace):
    """Its snapshots without what is said of the recorder itself."""
    return to_json(tuple(replace(shot, coverage=Coverage()) for shot in trace.snapshots))


@pytest.mark.parametrize("zero", [True, False], ids=["cleared", "piling up"])
@pytest.mark.parametrize("needed", [None, *Quantity])
def test_what_is_asked_for_reads_the_same_as_when_everything_is(recording, needed, zero):
    needs = frozenset({needed} if needed else ())
    whole, weights = trained(recording, EVERYTHING, zero=zero)

    part, same = trained(recording, needs, zero=zero)

    assert measured(part) == measured(example.without(whole, EVERYTHING - needs))
    assert all(map(torch.equal, weights, same))
    assert part.losses.values.tolist() == whole.losses.values.tolist()


def test_by_default_everything_is_measured(recording):
    trace, _ = trained(recording, EVERYTHING)

    assert Selection.of().reads == EVERYTHING
    assert {q for rule in all_rules() for q in rule.reads} == EVERYTHING
    assert {shot.coverage.unmeasured for shot in trace.snapshots} == {()}
    assert trace.unseen == ()


def test_what_was_not_measured_is_said(recording):
    trace, _ = trained(recording, EVERYTHING - {Quantity.BATCH})

    assert trace.snapshots[0].coverage.unmeasured == (Quantity.BATCH,)
    assert trace.unseen == ("inputs: not measured, as no rule that was asked needs it",)


@pytest.mark.parametrize("select", ["LOS001", "OPT006", "ACT"])
def test_a_run_recorded_for_some_rules_accuses_nobody_when_more_are_asked(tmp_path, select):
    def watched(**options):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 5), nn.Sigmoid(), nn.Linear(5, 5), nn.Softmax(1))
        sgd = torch.optim.SGD(model.parameters(), 5.0)
        x, y = 50 * torch.randn(64, 3), torch.randint(0, 5, (64,))
        with lifesigns.watch(every=3, strict=True, **options) as watcher:
            for _ in range(60):
                sgd.zero_grad()
                F.cross_entropy(model(x), y).backward()
                sgd.step()
        return watcher.report

    whole = watched()
    file = tmp_path / "part.lsr"
    part = watched(select=[select], save=file)

    later = judge(read_run(file))

    found = {(f.rule, f.site, f.severity) for f in whole.findings}
    assert {(f.rule, f.site, f.severity) for f in later} <= found
    assert {f.rule for f in part.findings} == {
        f.rule for f in Selection.of([select]).judge(whole.trace).findings
    }
    assert part.trace.snapshots[0].loss.target is not None  # the verdict is judged by it
