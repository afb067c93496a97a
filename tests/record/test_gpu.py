"""On a GPU: the same training, the same findings, and no step that waits for the device.

The tests marked `gpu` run where there is one. Without one, a training on the processor whose
tensors say that they lie elsewhere shows who would have waited.
"""

import copy
from collections import Counter

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

    def loss(self):
        return F.cross_entropy(self.model(self.x), self.y)

    def step(self):
        loss = self.loss()
        self.optimizer.zero_grad(set_to_none=False)
        loss.backward()
        self.optimizer.step()

    def watched(self, steps, **options):
        """The watcher of so many steps."""
        with lifesigns.watch(self.model, self.optimizer, strict=True, **options) as watcher:
            for _ in range(steps):
                self.step()
        return watcher


class OfTokens(Training):
    """Attention over tokens that does not see where they stand, behind a causal mask or without."""

    causal = False

    class Net(nn.Module):
        def __init__(self, causal):
            super().__init__()
            self.tokens, self.causal = nn.Embedding(50, 8), causal
            self.query, self.key, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 50)

        def forward(self, x):
            rows = self.tokens(x)
            scores = self.query(rows) @ self.key(rows).transpose(1, 2)
            if self.causal:
                hidden = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
                scores = scores.masked_fill(hidden, -torch.inf)
            return self.head(scores.softmax(-1) @ rows)

    def __init__(self):
        torch.manual_seed(0)
        self.model = self.Net(self.causal)
        self.x = torch.randint(50, (8, 6))
        self.y = self.x.flip(1)
        self.optimizer = torch.optim.SGD(self.model.parameters(), 0.1)

    def loss(self):
        return F.cross_entropy(self.model(self.x).reshape(-1, 50), self.y.reshape(-1))


class OfCausalTokens(OfTokens):
    causal = True


class OfPadding(Training):
    """A tagger of padded texts whose attention leaves the words out, and whose padding counts."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.head = nn.Embedding(20, 8), nn.Linear(8, 20)
            self.encoder = nn.TransformerEncoderLayer(8, 2, 8, batch_first=True)

        def forward(self, x):
            return self.head(self.encoder(self.tokens(x), src_key_padding_mask=x != 0))

    def __init__(self):
        torch.manual_seed(0)
        self.model = self.Net()
        sizes = torch.tensor([3, 5, 4, 5, 2, 1, 3, 2])
        self.x = torch.randint(1, 20, (8, 6)) * (torch.arange(6) < sizes.unsqueeze(1))
        self.optimizer = torch.optim.SGD(self.model.parameters(), 0.1)

    def loss(self):
        return F.cross_entropy(self.model(self.x).flatten(0, 1), self.x.flatten())


class OfDerivatives(Training):
    """A residual with a derivative that has no graph."""

    def __init__(self):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
        self.x = torch.linspace(0, 2, 64).unsqueeze(1).requires_grad_()
        self.optimizer = torch.optim.SGD(self.model.parameters(), 0.1)

    def loss(self):
        u = self.model(self.x)
        slope = torch.autograd.grad(u, self.x, torch.ones_like(u), retain_graph=True)[0]
        return (slope + 2 * u).square().mean()


class OfPairs(Training):
    """A contrastive loss."""

    def loss(self):
        distance = F.pairwise_distance(self.model(self.x), self.model(self.x.flip(0)))
        apart = (self.y > 0).float()
        closer = (1.0 - distance).clamp(min=0)
        return ((1 - apart) * distance.pow(2) + apart * closer.pow(2)).mean()


class OfSomeTargets(Training):
    """A sum over the targets that count."""

    def loss(self):
        targets = self.y.masked_fill(self.y == 1, -100)
        return F.cross_entropy(self.model(self.x), targets, reduction="sum")


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
    for name in ("equal", "unique"):
        monkeypatch.setattr(torch, name, noting(name, getattr(torch, name)))
    return waited


def masks_counted(step):
    """How often a step has to know how many places of a mask are chosen, as `x[mask]` does."""
    with torch.autograd.profiler.profile() as seen:
        step()
    return sum(event.name == "aten::nonzero" for event in seen.function_events)


def test_an_index_by_a_mask_is_counted():
    x = torch.arange(3.0)

    assert masks_counted(lambda: x[x > 1]) == 1
    assert masks_counted(lambda: x[1:]) == 0


def test_an_unrecorded_step_reads_nothing_from_the_device(elsewhere):
    training = Training()

    with lifesigns.watch(training.model, training.optimizer, every=10**9, strict=True):
        for _ in range(5):
            training.step()
        elsewhere.clear()
        for _ in range(20):
            training.step()
        waited = list(elsewhere)
        masks = masks_counted(training.step)

    assert waited == []
    assert masks == 0


KINDS = (Training, OfTokens, OfCausalTokens, OfPadding, OfDerivatives, OfPairs, OfSomeTargets)


@pytest.mark.parametrize("kind", KINDS)
def test_a_recorded_step_waits_for_its_loss_and_for_two_copies(elsewhere, kind):
    """Whether the loss is finite decides, before backward, if its origin is sought.

    One copy is of the pass, one of the parameters after the step.
    """
    training = kind()

    with lifesigns.watch(training.model, training.optimizer, every=1, strict=True):
        for _ in range(3):
            training.step()
        elsewhere.clear()
        masks = masks_counted(training.step)
        waited = Counter(elsewhere)

    del waited["numpy"]  # of what is on the host
    assert waited == {"__float__": 1, "cpu": 2}
    assert masks == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_details_of_a_loss_are_those_of_the_processor(request, kind):
    def details():
        shots = kind().watched(3, every=1).trace.snapshots
        return [shot.loss.details for shot in shots if shot.loss is not None]

    here = details()
    request.getfixturevalue("elsewhere")

    assert [pytest.approx(each, rel=1e-5, nan_ok=True) for each in here] == details()
    assert here


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
