"""What can be known before training is said before the second step, by every front door."""

import importlib.util
import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import lifesigns

CASES = Path(__file__).parents[2] / "shared" / "cases"

ROWS = torch.randn(64, 8, generator=torch.Generator().manual_seed(0))
CLASSES = torch.arange(64) % 3
BINARY = (ROWS[:, :1] > 0).float()
NUMBERS = ROWS.sum(1, keepdim=True)


class Call(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def network(*tail, outputs=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, outputs), *tail)


def filled(model, weight=None, bias=None, layer=0):
    if weight is not None:
        nn.init.constant_(model[layer].weight, weight)
    if bias is not None:
        nn.init.constant_(model[layer].bias, bias)
    return model


def negative_log(out, target):
    return -(target * torch.log(out)).mean()


def squares_of_all_pairs(out, target):
    return (out - target).square().mean()


def root_of_zero(out, target):
    return ((out - out) ** 2).sqrt().mean()


STANDSTILL = {
    "dead from birth": (lambda: filled(network(), bias=-100.0), CLASSES, F.cross_entropy, "relu"),
    "dead at the output": (
        lambda: filled(network(nn.ReLU(), outputs=1), bias=-100.0, layer=2),
        NUMBERS.abs(),
        F.mse_loss,
        "3:relu",
    ),
    "softmax over one unit": (
        lambda: network(nn.Softmax(1), outputs=1),
        BINARY,
        F.binary_cross_entropy,
        "3:softmax",
    ),
    "outside a clamp": (
        lambda: network(Call(lambda z: (z + 100).clamp(0, 1)), outputs=1),
        BINARY,
        F.mse_loss,
        "3:clamp",
    ),
    "a sign": (lambda: network(Call(torch.sign), outputs=1), BINARY, F.mse_loss, "3:sign"),
    "rounded": (lambda: network(Call(torch.round), outputs=1), BINARY, F.mse_loss, "3:round"),
}
NOT_FINITE = {
    "exp overflows": (
        lambda: network(Call(lambda z: torch.exp(1000 * z * z + 1000))),
        CLASSES,
        F.cross_entropy,
        "3:exp",
    ),
    "division by zero": (
        lambda: network(Call(lambda z: z / (z - z))),
        CLASSES,
        F.cross_entropy,
        "3:div",
    ),
    "log of a negative": (lambda: network(outputs=1), BINARY, negative_log, "log"),
    "root of zero, backward": (lambda: network(outputs=1), NUMBERS, root_of_zero, "sqrt"),
}
HOPELESS = STANDSTILL | NOT_FINITE
MISMATCHED = {
    "symmetric-units": (
        lambda: filled(filled(network(), 0.1, 0.0), 0.1, 0.0, layer=2),
        CLASSES,
        F.cross_entropy,
    ),
    "doubled-softmax": (lambda: network(nn.Softmax(1)), CLASSES, F.cross_entropy),
    "doubled-sigmoid": (
        lambda: network(nn.Sigmoid(), outputs=1),
        BINARY,
        F.binary_cross_entropy_with_logits,
    ),
    "broadcast-loss": (lambda: network(outputs=1), NUMBERS.squeeze(1), squares_of_all_pairs),
    "output-cannot-reach-target": (
        lambda: network(nn.Sigmoid(), outputs=1),
        10 + NUMBERS.abs(),
        F.mse_loss,
    ),
    "linear-collapse": (
        lambda: nn.Sequential(nn.Linear(8, 32), nn.Linear(32, 3)),
        CLASSES,
        F.cross_entropy,
    ),
    "dead-from-birth": (lambda: filled(network(), bias=-100.0), CLASSES, F.cross_entropy),
}


def by_check(make, targets, loss_fn):
    return lifesigns.check(make(), (ROWS, targets), loss_fn)


def by_one_step(make, targets, loss_fn):
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with lifesigns.watch() as watcher:
        loss_fn(model(ROWS), targets).backward()
        optimizer.step()
    return watcher.report


DOORS = pytest.mark.parametrize("door", [by_check, by_one_step])


def errors(report):
    return [f for f in report.findings if f.severity.value == "error"]


@DOORS
@pytest.mark.parametrize("name", HOPELESS)
def test_no_gradient_or_no_number_is_an_error_that_names_the_operation(door, name):
    *program, operation = HOPELESS[name]

    found = errors(door(*program))

    assert any(operation in finding.site for finding in found)


@pytest.mark.parametrize("name", HOPELESS)
def test_these_programs_are_what_they_are_taken_for(name):
    make, targets, loss_fn, _ = HOPELESS[name]
    model = make()

    loss = loss_fn(model(ROWS), targets)
    loss.backward()

    first = model[0].weight.grad
    finite = math.isfinite(loss.item()) and bool(first.isfinite().all())
    assert finite == (name in STANDSTILL)
    assert not finite or not first.any()


@DOORS
@pytest.mark.parametrize("rule", MISMATCHED)
def test_what_does_not_fit_is_said_at_the_first_step(door, rule):
    report = door(*MISMATCHED[rule])

    assert rule in {finding.rule for finding in report.findings}


@DOORS
def test_a_sound_network_passes(door):
    report = door(network, CLASSES, F.cross_entropy)

    assert report.findings == ()


@pytest.fixture
def engine(monkeypatch):
    """The module that builds the published cases."""
    if not (CASES / "engine.py").is_file():
        pytest.skip(f"the collection of cases is not at {CASES}")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    spec = importlib.util.spec_from_file_location("engine", CASES / "engine.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "engine", module)
    spec.loader.exec_module(module)
    yield module
    torch.set_num_threads(threads)


def first_step(engine, case):
    """A published case after one batch: what was found, and whether it can go on from there."""
    torch.manual_seed(0)
    spec, (x, y, _, _) = engine.load_case(CASES / "dev.json", case)
    with lifesigns.watch() as watcher:
        model = engine.build(spec["net"], x.shape[1:])
        optimizer, decay = engine.make_optimizer(spec["opt"], model.parameters())
        rows = torch.randperm(len(x))[: spec.get("batch", 32)]
        loss = engine.LOSSES[spec["loss"]](model(x[rows]), y[rows])
        hopeless = is_hopeless(loss, model)
        if decay:
            loss = loss + decay * sum(p.square().sum() for p in model.parameters() if p.dim() > 1)
        loss.backward()
        optimizer.step()
    return SimpleNamespace(report=watcher.report, hopeless=hopeless)


def is_hopeless(loss, model):
    """Whether loss or gradient is no number, or the gradient is 0 though the loss is not."""
    weights = list(model.parameters())
    gradients = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
    everything = torch.cat([g.flatten() for g in gradients if g is not None])
    finite = math.isfinite(loss.item()) and bool(everything.isfinite().all())
    return not finite or (loss.item() != 0 and not everything.any())


def test_published_programs_without_gradient_or_number_are_errors_at_once(engine):
    cases = [case["id"] for case in json.loads((CASES / "dev.json").read_text())]

    steps = {case: first_step(engine, case) for case in cases}

    hopeless = {case: step for case, step in steps.items() if step.hopeless}
    assert hopeless
    assert [c for c, s in hopeless.items() if not any(f.site for f in errors(s.report))] == []
