"""Whether one layer at several places of a list is given the same input."""

import pytest
import torch
from torch import nn
from training_steps import sgd


class Heads(nn.Module):
    def __init__(self, heads, apart=False):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(4, 6), nn.ReLU())
        self.heads, self.apart = nn.ModuleList(heads), apart

    def forward(self, x):
        h = self.trunk(x)
        return [head(h + i if self.apart and i else h) for i, head in enumerate(self.heads)]


class Deep(nn.Module):
    """The same layer in a row, on purpose."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4)] * 3)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x).relu()
        return [x]


def head():
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1))


@pytest.mark.parametrize(
    ("network", "shape", "times"),
    [
        (lambda: Heads([nn.Linear(6, 1)] * 3), (8, 4), 3),
        (lambda: Heads([nn.Linear(6, 1)] * 3), (8, 5, 4), 3),
        (lambda: Heads([head()] * 2), (8, 4), 2),
        (lambda: Heads([nn.Linear(6, 1) for _ in range(3)]), (8, 4), 0),
        (lambda: Heads([nn.Linear(6, 1)] * 3, apart=True), (8, 4), 0),
        (Deep, (8, 4), 0),
    ],
)
def test_a_layer_that_is_asked_the_same_again_is_marked(recording, network, shape, times):
    model = network()
    recorder, optimizer = recording(every=1), sgd(model)

    for _ in range(2):
        optimizer.zero_grad()
        sum((out - i).square().mean() for i, out in enumerate(model(torch.randn(shape)))).backward()
        optimizer.step()
    recorder.stop()

    marks = [shot.loss.details.get("same_answers", 0) for shot in recorder.trace().snapshots]
    assert marks == [times, times]


def test_one_layer_that_no_list_holds_twice_may_be_asked_again(recording):
    body, layer = nn.Linear(4, 6), nn.Linear(6, 1)
    recorder, optimizer = recording(every=1), sgd(nn.ModuleList([body, layer]))

    h = body(torch.randn(8, 4))
    (layer(h).square().mean() + layer(h).abs().mean()).backward()
    optimizer.step()
    recorder.stop()

    (shot,) = recorder.trace().snapshots
    assert "same_answers" not in shot.loss.details
