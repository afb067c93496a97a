"""How large the weights are in the end is seen, whatever was recorded."""

import gc
import weakref

import pytest
import torch
from torch import nn
from training_steps import sgd

import lifesigns
from lifesigns.record.measure.latest_sizes import SizeLooks
from lifesigns.store import read_run


def network():
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


def train(model, steps):
    optimizer = sgd(model)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(8, 3)).square().mean().backward()
        optimizer.step()


def rms(model):
    """The slow twin."""
    weights = {n: p.detach().double() for n, p in model.named_parameters() if p.dim() > 1}
    return {name: float((w * w).mean().sqrt()) for name, w in weights.items()}


def test_at_the_end_the_weights_have_the_size_they_have(tmp_path):
    model = network()
    with lifesigns.watch(every=1000, save=tmp_path / "a.run") as watcher:
        train(model, 30)

    seen = watcher.report.trace.sizes
    assert seen.step == 30
    assert seen.rms == pytest.approx(rms(model), rel=1e-5)
    assert read_run(tmp_path / "a.run").sizes == seen


@pytest.mark.parametrize("evaluate", [lambda m: m.eval(), lambda _: torch.no_grad().__enter__()])
def test_of_a_network_that_is_gone_what_was_seen_before_its_evaluation_counts(recording, evaluate):
    model, recorder = network(), recording(every=1000)
    train(model, 30)
    with torch.enable_grad():
        evaluate(model)
        expected, reference = rms(model), weakref.ref(model)
    torch.set_grad_enabled(True)
    del model
    gc.collect()
    recorder.stop()

    seen = recorder.trace().sizes
    assert reference() is None
    assert (seen.step, seen.rms) == (30, pytest.approx(expected, rel=1e-5))


def test_evaluations_after_each_step_are_looked_at_ever_more_seldom():
    looks = []
    sizes = SizeLooks(lambda: looks.append(1) or {"w": torch.ones(2, 2)})
    for step in range(1, 10_001):
        sizes.look(step)
        sizes.look(step)

    assert len(looks) < 80
    assert sizes.latest().step > 9_000
    assert sizes.latest().rms == {"w": 1.0}


def test_of_a_large_table_some_rows_stand_for_all():
    table = torch.ones(3_000_000, 2)
    table[1::2] = 1e9  # each sixth row is looked at
    sizes = SizeLooks(lambda: {"table": table, "tall": torch.full((1, 2**21), 2.0)})
    sizes.look(1, is_last=True)

    assert sizes.latest().rms == {"table": 1.0, "tall": 2.0}


def test_what_cannot_be_read_is_left_out():
    meta = torch.empty(2, 2, device="meta")
    sizes = SizeLooks(lambda: {"w": meta, "bias": torch.ones(3), "half": torch.full((2, 2), 0.5)})
    sizes.look(1, is_last=True)

    assert sizes.latest().rms == {"half": 0.5}


def test_nothing_is_looked_at_where_no_rule_asks_for_parameters(recording):
    model, recorder = network(), recording(every=1000, needs=())
    train(model, 30)
    recorder.stop()

    assert recorder.trace().sizes is None
