"""Learning rates read at every step, and optimizers whose steps or parameters are missing."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import record
from torch import nn

from lifesigns.record.schedule import rate_log

torch.set_num_threads(1)


class Loop:
    """A training of one layer, with a schedule or without."""

    def __init__(self, schedule=None, rate=0.1):
        torch.manual_seed(0)
        self.model = nn.Linear(3, 2)
        self.optimizer = torch.optim.SGD(self.model.parameters(), rate)
        self.scheduler = schedule and schedule(self.optimizer)

    def __call__(self):
        self.optimizer.zero_grad()
        F.mse_loss(self.model(torch.randn(7, 3)), torch.randn(7, 2)).backward()
        self.optimizer.step()
        if self.scheduler:
            self.scheduler.step()


def rates_by_step(recorder, steps, group=0):
    return recorder.trace().rates.at(torch.arange(steps).numpy())[:, group].tolist()


def test_each_step_has_the_rate_it_was_made_with_recorded_or_not(recording):
    loop = Loop(lambda o: torch.optim.lr_scheduler.StepLR(o, 4, 0.5))
    recorder = recording(loop.model, [loop.optimizer], every=100)

    for _ in range(10):
        loop()

    assert rates_by_step(recorder, 10) == [0.1] * 4 + [0.05] * 4 + [0.025] * 2


@pytest.mark.parametrize("most", [1024, 3])
def test_rates_that_move_at_each_step_are_set_down_later(recording, monkeypatch, most):
    monkeypatch.setattr(rate_log, "_MOST_LATE", most)
    loop = Loop(lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.5))
    recorder = recording(loop.model, [loop.optimizer], every=100)
    expected = []

    for step in range(12):
        if step == 7:
            loop.optimizer.param_groups[0]["lr"] = np.float64(3.0)
        expected.append(float(loop.optimizer.param_groups[0]["lr"]))
        loop()

    assert rates_by_step(recorder, 12) == expected
    assert len(recorder.trace().rates.steps) == 12


def test_a_rate_that_does_not_change_takes_one_row(recording):
    loop = Loop()
    recorder = recording(loop.model, [loop.optimizer], every=100)

    for _ in range(10):
        loop()

    assert recorder.trace().rates.steps.tolist() == [0]


def test_the_full_rate_of_a_warm_up_is_known(recording):
    loop = Loop(lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.01, 1.0, 1000))
    recorder = recording(loop.model, [loop.optimizer], every=100)

    for _ in range(5):
        loop()

    assert recorder.trace().rates.targets.tolist() == [0.1]
    assert rates_by_step(recorder, 5)[-1] < 0.002


def test_very_many_changes_are_thinned_and_the_ends_stay(recording):
    loop = Loop(lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda k: 1 / (1 + k)))
    recorder = recording(loop.model, [loop.optimizer], every=1000)

    for _ in range(600):
        loop()

    curve = recorder.trace().rates
    assert len(curve.steps) <= 256
    assert curve.values[[0, -1]].tolist() == pytest.approx([0.1, 0.1 / 600])


def test_of_very_many_changes_evenly_spaced_ones_stay(recording):
    loop = Loop(lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.999))
    recorder = recording(loop.model, [loop.optimizer], every=1000)

    for _ in range(1000):
        loop()

    steps = recorder.trace().rates.steps
    assert set((steps[1:-1] - steps[:-2]).tolist()) == {4}
    assert steps[-1] == 999


def test_an_optimizer_that_replaces_another_goes_on_with_its_row(recording):
    loop = Loop()
    recorder = recording(every=100)

    for rate in (0.1, 0.1, 0.01):
        loop.optimizer = torch.optim.SGD(loop.model.parameters(), rate)
        loop()

    assert rates_by_step(recorder, 3) == [0.1, 0.1, 0.01]
    assert len(recorder.trace().rates.targets) == 1


# --- steps that never come ------------------------------------------------------------------------
def test_an_optimizer_that_never_steps_is_found_and_named(recording):
    loop = Loop()
    recorder = recording(every=10)

    for _ in range(25):
        loop.optimizer.zero_grad()
        loop.model(torch.randn(7, 3)).square().mean().backward()

    assert recorder.trace().idle == ("SGD",)


def test_an_optimizer_that_steps_is_not_idle(recording):
    loop = Loop()
    recorder = recording(every=10)

    for _ in range(25):
        loop()

    assert recorder.trace().idle == ()


def test_an_optimizer_of_another_network_is_none_of_ours(recording):
    other = torch.optim.SGD(nn.Linear(1, 1).parameters(), 0.1)
    model = nn.Linear(3, 2)
    recorder = recording(every=10)

    for _ in range(25):
        model(torch.randn(7, 3)).square().mean().backward()
        for p in model.parameters():
            p.data -= 0.01 * p.grad

    assert recorder.trace().idle == ()
    assert other.param_groups


# --- parameters without a graph -------------------------------------------------------------------
def detached(pass_on, steps=3):
    torch.manual_seed(0)
    encoder, head = nn.Sequential(nn.Linear(3, 4), nn.Tanh()), nn.Linear(4, 2)
    optimizer = torch.optim.SGD([*encoder.parameters(), *head.parameters()], 0.1)

    def step():
        optimizer.zero_grad()
        F.mse_loss(head(pass_on(encoder(torch.randn(7, 3)))), torch.randn(7, 2)).backward()
        optimizer.step()

    return record(step, steps=steps)


def test_what_an_optimizer_holds_behind_a_detach_is_named_by_its_module():
    trace = detached(torch.Tensor.detach)

    assert [p.name for p in trace.unreached] == ["Sequential.0.weight", "Sequential.0.bias"]
    assert [p.shape for p in trace.unreached] == [(4, 3), (4,)]


def test_modules_of_one_class_behind_a_detach_are_told_apart():
    first, second, head = (nn.Sequential(nn.Linear(3, 3)) for _ in range(3))
    held = [p for module in (first, second, head) for p in module.parameters()]
    optimizer = torch.optim.SGD(held, 0.1)

    def step():
        optimizer.zero_grad()
        head(second(first(torch.randn(7, 3))).detach()).square().mean().backward()
        optimizer.step()

    names = [p.name for p in record(step, steps=3).unreached]
    assert names == [f"Sequential{i}.0.{p}" for i in (0, 1) for p in ("weight", "bias")]


def test_what_is_reached_is_not_listed():
    assert detached(lambda hidden: hidden).unreached == ()


def test_what_no_module_holds_is_named_by_its_place_in_the_optimizer():
    model, spare = nn.Linear(3, 2), nn.Parameter(torch.ones(5))
    optimizer = torch.optim.Adam([*model.parameters(), spare], 0.1)

    def step():
        optimizer.zero_grad()
        model(torch.randn(7, 3)).square().mean().backward()
        optimizer.step()

    (found,) = record(step, steps=3).unreached
    assert (found.name, found.shape) == ("parameter 2 of group 0 of Adam", (5,))


@pytest.mark.parametrize("helps", [False, True])
def test_an_optimizer_that_trains_nothing_is_told_from_one_that_trains_something(helps):
    model, meta = nn.Linear(3, 2), nn.Linear(3, 2)
    inner = torch.optim.SGD(model.parameters(), 0.1)
    bias = [nn.Parameter(torch.zeros(2))] if helps else []
    outer = torch.optim.Adam([*meta.parameters(), *bias], 0.1)

    def step():
        for optimizer in (inner, outer):
            optimizer.zero_grad()
        (model(torch.randn(7, 3)) + sum(bias)).square().mean().backward()
        inner.step()
        outer.step()

    found = record(step, steps=4).unreached
    assert [p.in_vain for p in found] == [not helps] * 2


def test_copies_that_are_changed_by_hand_do_train():
    model = nn.Linear(3, 2)
    masters = [p.detach().clone() for p in model.parameters()]
    optimizer = torch.optim.SGD(masters, 0.1)

    def step():
        model.zero_grad()
        model(torch.randn(7, 3)).square().mean().backward()
        for master, p in zip(masters, model.parameters(), strict=True):
            master.grad = p.grad.clone()
        optimizer.step()
        for master, p in zip(masters, model.parameters(), strict=True):
            p.data.copy_(master)

    assert record(step, steps=4).unreached == ()


# --- names ----------------------------------------------------------------------------------------
class Hidden(nn.Module):
    """Layers and a weight that `nn.Module` does not know of."""

    def __init__(self, kept):
        super().__init__()
        self.kept, self.scale = kept, torch.ones(1, requires_grad=True)
        self.last = nn.Linear(3, 1)

    def forward(self, x):
        layers = self.kept.values() if isinstance(self.kept, dict) else self.kept
        for layer in layers:
            x = layer(x)
        return self.last(self.scale * x)


@pytest.mark.parametrize(
    ("kept", "name"),
    [
        ([nn.Linear(3, 3)], "kept[0].weight"),
        ((nn.Linear(3, 3),), "kept[0].weight"),
        ({"a": nn.Linear(3, 3)}, "kept['a'].weight"),
    ],
)
def test_layers_in_a_plain_container_are_named_by_where_they_lie(kept, name):
    model = Hidden(kept)
    (taken,) = record(lambda: model(torch.randn(7, 3)).sum().backward()).snapshots

    assert taken.parameter(name).reached
    assert taken.parameter("scale").reached


# --- steps that are lost --------------------------------------------------------------------------
def lost(dtype, rate):
    torch.manual_seed(0)
    model = nn.Linear(3, 2).to(dtype)
    optimizer = torch.optim.SGD(model.parameters(), rate)

    def step():
        model(torch.ones(7, 3, dtype=dtype)).float().square().sum().backward()
        optimizer.step()

    (taken,) = record(step, model, [optimizer]).snapshots
    return taken.parameter("weight")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_of_steps_below_the_spacing_of_the_numbers_all_are_lost(dtype):
    reading = lost(dtype, 1e-8)

    assert reading.lost_updates == 1
    assert reading.resolution == torch.finfo(dtype).eps


def test_of_large_steps_none_is_lost():
    assert lost(torch.bfloat16, 0.1).lost_updates == 0


def test_in_float32_nothing_is_asked():
    assert math.isnan(lost(torch.float32, 0.1).lost_updates)


def test_a_step_by_hand_uses_what_earlier_passes_left():
    torch.manual_seed(0)
    model = nn.Linear(3, 2)

    def step(clear):
        F.mse_loss(model(torch.randn(7, 3)), torch.randn(7, 2)).backward()
        for p in model.parameters():
            p.data -= 0.01 * p.grad
        if clear:
            model.zero_grad()

    cleared = record(lambda: step(True), model, steps=4).snapshots
    piled = record(lambda: step(False), model, steps=4).snapshots

    assert [s.parameter("weight").stale_gradient_rms for s in cleared[:3]] == [0, 0, 0]
    assert [s.parameter("weight").stale_gradient_rms > 0 for s in piled[:3]] == [False, True, True]
