"""On a GPU: the same training, the same findings, and no step that waits for the device.

The tests marked `gpu` run where there is one. Without one, a training on the processor whose
tensors say that they lie elsewhere shows who would have waited.
"""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import lifesigns

on_gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]
WAITING = ("item", "tolist", "numpy", "cpu", "nonzero", "__bool__", "__float__", "__int__")
"""Methods of a tensor that wait for the device."""


class Training:
    """A classifier with dead units, which there is something to find in."""

    def __init__(self, device="cpu"):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
        with torch.no_grad():
            self.model[0].bias[:12] = -100.0
        self.x, self.y = torch.randn(64, 4), torch.arange(64) % 3
        self.model.to(device)
        self.x, self.y = self.x.to(device), self.y.to(device)
        self.optimizer = torch.optim.SGD(self.model.parameters(), 0.1)

    def step(self):
        loss = F.cross_entropy(self.model(self.x), self.y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def watched(self, steps, **options):
        """The watcher of so many steps."""
        with lifesigns.watch(self.model, self.optimizer, strict=True, **options) as watcher:
            for _ in range(steps):
                self.step()
        return watcher


@pytest.fixture
def elsewhere(monkeypatch):
    """Tensors say that they are not on the processor; the calls that would wait are noted."""
    waited = []

    def noting(name, original):
        def call(*args, **kwargs):
            waited.append(name)
            return original(*args, **kwargs)

        return call

    monkeypatch.setattr(torch.Tensor, "is_cpu", property(lambda _: False), raising=False)
    for name in WAITING:
        monkeypatch.setattr(torch.Tensor, name, noting(name, getattr(torch.Tensor, name)))
    monkeypatch.setattr(torch, "equal", noting("equal", torch.equal))
    return waited


def test_an_unrecorded_step_reads_nothing_from_the_device(elsewhere):
    training = Training()

    with lifesigns.watch(training.model, training.optimizer, every=10**9, strict=True):
        for _ in range(5):
            training.step()
        elsewhere.clear()
        for _ in range(20):
            training.step()
        waited = list(elsewhere)

    assert waited == []


def test_the_losses_of_unrecorded_steps_are_read_at_the_end(elsewhere):
    watcher = Training().watched(30, every=10**9)

    assert "tolist" in elsewhere
    assert len(watcher.trace.losses.values) == 30
    assert all(value > 0 for value in watcher.trace.losses.values)


def weights(model):
    return [parameter.detach().cpu() for parameter in model.parameters()]


@pytest.mark.parametrize("every", [1, 7])
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=on_gpu)])
def test_training_is_the_same_to_the_last_bit(device, every):
    plain, watched = Training(device), Training(device)
    for _ in range(30):
        plain.step()

    watched.watched(30, every=every)

    assert all(map(torch.equal, weights(plain.model), weights(watched.model)))


@pytest.mark.parametrize("device", [pytest.param("cuda", marks=on_gpu)])
def test_findings_are_those_of_the_processor(device):
    def found(watcher):
        return {(f.rule, f.site, f.severity) for f in watcher.findings}

    here, there = Training().watched(60, every=1), Training(device).watched(60, every=1)

    assert found(here)
    assert found(there) == found(here)


@pytest.mark.parametrize("device", [pytest.param("cuda", marks=on_gpu)])
def test_an_unrecorded_step_does_not_wait(device):
    training = Training(device)

    with lifesigns.watch(training.model, training.optimizer, every=10**9, strict=True):
        for _ in range(5):
            training.step()
        torch.cuda.set_sync_debug_mode("error")
        try:
            for _ in range(20):
                training.step()
        finally:
            torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("device", [pytest.param("cuda", marks=on_gpu)])
def test_a_watched_model_is_copied_as_ever(device):
    training = Training(device)

    with lifesigns.watch(training.model, training.optimizer, every=1, strict=True):
        training.step()
        twin = copy.deepcopy(training.model)

    assert all(map(torch.equal, weights(twin), weights(training.model)))
