"""Signals of (channel, time) that were reshaped to (time, channel)."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import nn

from lifesigns.record.measure.torn_signals import ENDS, INSIDE, ROWS, SURE

SAMPLES, CHANNELS, STEPS = 32, 12, 64


def signals(channels=CHANNELS, steps=STEPS, noise=0.2):
    """Walks of (sample, channel, time), each with noise."""
    make = torch.Generator().manual_seed(0)
    walks = 0.3 * torch.randn(SAMPLES, channels, steps, generator=make).cumsum(2)
    return walks + noise * torch.randn(walks.shape, generator=make)


class Last(nn.Module):
    def __init__(self, first):
        super().__init__()
        self.first = first

    def forward(self, x):
        made = self.first(x)
        return (made[0] if isinstance(made, tuple) else made).mean(1)


def details(x, kind=nn.GRU):
    torch.manual_seed(0)
    options = {} if kind is nn.Linear else {"batch_first": True}
    model = Last(kind(x.shape[2], 4, **options))
    return snapshot(lambda: model(x).square().mean().backward(), model).loss.details


def is_torn(found):
    goes_on = 0.8 < found[ROWS] < 1.25
    return found[ENDS] > 1.5 and goes_on and found[INSIDE] < 0.8 and found[SURE] > 4


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM, nn.RNN, nn.Linear])
@pytest.mark.parametrize("channels", [8, 12])
def test_torn_signals_are_told(kind, channels):
    x = signals(channels)
    found = details(x.reshape(SAMPLES, STEPS, channels), kind)

    assert found["torn_signals_at"] == 0
    assert is_torn(found)
    squares = x.reshape(SAMPLES, -1).diff(dim=1).square()
    ends = [i for i in range(channels * STEPS - 1) if (i + 1) % STEPS == 0]
    rows = [i for i in range(channels * STEPS - 1) if (i + 1) % channels == 0 and i not in ends]
    assert found[ENDS] == pytest.approx((squares[:, ends].mean() / squares[:, rows].mean()).item())


WALKS = signals()
WHOLE = {
    "exchanged": WALKS.transpose(1, 2),
    "exchanged, a copy": WALKS.transpose(1, 2).contiguous(),
    "pieces of one signal": signals(1, STEPS * CHANNELS).reshape(SAMPLES, STEPS, CHANNELS),
    "smooth channels": signals(STEPS, CHANNELS),
    "white noise": torch.randn(SAMPLES, STEPS, CHANNELS),
    "channels on a circle": torch.sin(
        torch.arange(CHANNELS) * 6.2832 / CHANNELS + torch.randn(SAMPLES, STEPS, 1)
    ),
    "days of 24 hours": torch.sin(torch.arange(168 * 24).view(168, 24) * 6.2832 / 24)
    + 0.3 * torch.randn(SAMPLES, 168, 24),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_signals_are_not(name):
    assert not is_torn(details(WHOLE[name]))


def test_constant_signals_tell_nothing():
    assert "torn_signals_at" not in details(torch.ones(SAMPLES, STEPS, CHANNELS))


@pytest.mark.parametrize(
    "shape", [(32, 12, 12), (32, 8, 64), (4, 64, 12), (32, 64, 2), (0, 64, 12)]
)
def test_other_sizes_are_not_looked_at(shape):
    assert "torn_signals_at" not in details(torch.randn(shape), nn.Linear)


def test_a_convolution_is_given_channels_first():
    x = signals()
    model = nn.Conv1d(CHANNELS, 4, 3)
    taken = snapshot(lambda: model(x).square().mean().backward(), model)

    assert "torn_signals_at" not in taken.loss.details
