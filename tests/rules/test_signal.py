"""The rules on signals and squashing, on small networks that were really trained."""

from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import nn

import lifesigns

torch.set_num_threads(1)


def findings(model, *, steps=60, rate=0.1):
    torch.manual_seed(0)
    x = torch.randn(64, 16)
    y = (x @ torch.randn(16, 4)).argmax(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    with lifesigns.watch(every=7, strict=True) as watcher:
        for _ in range(steps):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    return watcher.report.findings


def network(activation, *, depth=5, fill=None):
    torch.manual_seed(0)
    widths = [16] + [32] * depth
    hidden = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), activation())]
    model = nn.Sequential(*hidden, nn.Linear(widths[-1], 4))
    for layer in model:
        if fill and isinstance(layer, nn.Linear):
            fill(layer)
    return model


def normal(layer, std):
    nn.init.normal_(layer.weight, std=std)


class Residual(nn.Module):
    """Eight residual branches that start at zero."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(16, 32), nn.Linear(32, 4)
        self.inner = nn.ModuleList(nn.Linear(32, 32) for _ in range(8))
        self.outer = nn.ModuleList(nn.Linear(32, 32) for _ in range(8))
        for layer in self.outer:
            nn.init.zeros_(layer.weight)

    def forward(self, x):
        x = self.first(x)
        for inner, outer in zip(self.inner, self.outer, strict=True):
            x = x + outer(torch.relu(inner(x)))
        return self.last(x)


class Attention(nn.Module):
    """Softmax as the weights of attention, small initial weights before a normalisation."""

    def __init__(self):
        super().__init__()
        self.enter, self.norm, self.last = nn.Linear(1, 16), nn.LayerNorm(16), nn.Linear(16, 4)
        self.keys, self.values = nn.Linear(16, 16), nn.Linear(16, 16)
        for layer in (self.enter, self.keys, self.values):
            normal(layer, 0.02)

    def forward(self, x):
        x = self.norm(self.enter(x[..., None]))
        weights = torch.softmax(x @ self.keys(x).transpose(1, 2), -1)
        return self.last(self.norm(x + weights @ self.values(x)).mean(1))


@pytest.mark.parametrize(
    ("model", "leading"),
    [
        (partial(network, nn.Sigmoid, depth=8), "stacked-squashing"),
        (partial(network, nn.ReLU, fill=partial(normal, std=2.0)), "gain-mismatch"),
        (partial(network, nn.ReLU, fill=partial(normal, std=0.01)), "gain-mismatch"),
        (partial(network, lambda: nn.Softmax(-1), depth=3), "squashed-hidden-softmax"),
        (
            partial(network, nn.ReLU, fill=lambda m: nn.init.constant_(m.bias, -8.0)),
            "dead-from-birth",
        ),
    ],
    ids=["deep sigmoid", "weights too large", "weights too small", "hidden softmax", "dead"],
)
def test_what_is_wrong_from_the_start_leads_the_report(model, leading):
    found = findings(model(), steps=150)

    assert found[0].rule == leading
    assert found[0].severity.value != "note"


@pytest.mark.parametrize(
    "model",
    [
        Residual,
        Attention,
        partial(network, nn.Tanh, depth=2),
        lambda: nn.Sequential(
            nn.Linear(16, 32), nn.LayerNorm(32), nn.GELU(), nn.Linear(32, 4)
        ).apply(lambda m: normal(m, 0.02) if isinstance(m, nn.Linear) else None),
    ],
    ids=["zero residual branches", "attention", "tanh", "small weights, normalised"],
)
def test_unusual_but_healthy_starts_are_left_alone(model):
    found = findings(model())

    assert [f.rule for f in found if f.severity.value != "note"] == []
