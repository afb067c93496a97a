"""How far the first sines of a network of coordinates bend, and how alike neighbours are."""

import pytest
import torch
from torch import nn
from training_steps import sgd


class Sine(nn.Module):
    def __init__(self, inputs, units, frequency=1.0, wave=torch.sin):
        super().__init__()
        self.layer, self.frequency, self.wave = nn.Linear(inputs, units), frequency, wave

    def forward(self, x):
        return self.wave(self.frequency * self.layer(x))


def details(recording, model, x, y, loss=nn.functional.mse_loss):
    recorder, optimizer = recording(every=1), sgd(model)
    loss(model(x), y).backward()
    optimizer.step()
    recorder.stop()
    return recorder.trace().snapshots[0].loss.details


def places(count=400, size=2):
    torch.manual_seed(0)
    return 2 * torch.rand(count, size) - 1


def nearest(x):
    """The index of the nearest other point, one by one."""
    off = [(x - point).norm(dim=1) for point in x]
    for i, distance in enumerate(off):
        distance[i] = torch.inf
    return [int(distance.argmin()) for distance in off]


@pytest.mark.parametrize("frequency", [1.0, 30.0])
@pytest.mark.parametrize("wave", [torch.sin, torch.cos])
def test_the_span_is_the_range_of_the_arguments_of_a_median_unit(recording, frequency, wave):
    x = places()
    model = nn.Sequential(Sine(2, 8, frequency, wave), nn.Linear(8, 1))
    with torch.no_grad():
        given = frequency * model[0].layer(x)
    spans = (given.amax(0) - given.amin(0)).sort().values

    found = details(recording, model, x, x[:, :1])

    assert spans[3] - 1e-4 <= found["sine_span"] <= spans[4] + 1e-4


def test_neighbours_are_the_nearest_points(recording):
    x = places(200)
    y = torch.sin(5 * x.sum(1, keepdim=True))
    off, other = y - y.mean(), y[nearest(x)] - y.mean()
    by_hand = (off * other).sum() / (off.square().sum() * other.square().sum()).sqrt()

    found = details(recording, nn.Sequential(Sine(2, 8), nn.Linear(8, 1)), x, y)

    assert found["neighbours_alike"] == pytest.approx(by_hand.item(), abs=1e-4)
    assert found["neighbours_alike"] > 0.8


def test_noise_makes_neighbours_unlike(recording):
    x = places(3000)

    found = details(recording, nn.Sequential(Sine(2, 8), nn.Linear(8, 1)), x, torch.randn(3000, 1))

    assert abs(found["neighbours_alike"]) < 0.3


def test_a_square_written_by_hand_is_looked_at_by_what_the_outputs_leave(recording):
    x = places()

    found = details(
        recording,
        nn.Sequential(Sine(2, 8), nn.Linear(8, 1)),
        x,
        torch.sin(5 * x[:, :1]),
        loss=lambda given, wanted: (given - wanted).square().mean(),
    )

    assert found["neighbours_alike"] > 0.8


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)), places()),
        (nn.Sequential(Sine(2, 8), nn.Linear(8, 1)), places(20)),
        (nn.Sequential(Sine(9, 8), nn.Linear(8, 1)), places(size=9)),
        (nn.Sequential(nn.Linear(2, 8), nn.Tanh(), Sine(8, 8), nn.Linear(8, 1)), places()),
    ],
    ids=["no sine", "few points", "many numbers", "a sine further on"],
)
def test_other_networks_are_not_looked_at(recording, model, x):
    assert "sine_span" not in details(recording, model, x, x[:, :1])
