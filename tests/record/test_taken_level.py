"""Rows that are normalised one by one, and targets whose level they told."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

G = torch.Generator().manual_seed(0)
LEVELS = torch.randn(32, 1, generator=G).exp()
WINDOWS = LEVELS * (1 + 0.2 * torch.randn(32, 12, generator=G))
AHEAD = LEVELS * (1 + 0.2 * torch.randn(32, 3, generator=G))


def normalised(x, dim=1):
    return (x - x.mean(dim, keepdim=True)) / (x.std(dim, keepdim=True) + 1e-5)


class Forecaster(nn.Module):
    """A network, what it is given, and what is made of its output."""

    def __init__(self, net, before=normalised, after=lambda y, x: y):
        super().__init__()
        self.net, self.before, self.after = net, before, after

    def forward(self, x):
        return self.after(self.net(self.before(x)), x)


def layers(last=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, last))


def details(model, x=WINDOWS, y=AHEAD, loss=F.mse_loss):
    found = snapshot(lambda: loss(model(x), y).backward(), model).loss.details
    return found.get("level_told"), found.get("level_fit"), found.get("level_in_spread")


NOTHING = (None, None, None)


def absolute(a, b):
    return (a - b).abs().mean()


@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss, F.smooth_l1_loss, absolute])
def test_windows_that_are_normalised_one_by_one(loss):
    told, fit, spread = details(Forecaster(layers()), loss=loss)

    both = torch.stack([WINDOWS.mean(1), AHEAD.mean(1)])
    assert told == pytest.approx(both.corrcoef()[0, 1].square().item(), rel=1e-4)
    line = torch.cat([WINDOWS.mean(1, keepdim=True), torch.ones(32, 1)], 1)
    slope = torch.linalg.lstsq(line, AHEAD.mean(1, keepdim=True)).solution[0]
    left = AHEAD - AHEAD.mean(0) - slope * (WINDOWS.mean(1) - WINDOWS.mean()).unsqueeze(1)
    away = (AHEAD - AHEAD.mean(0)).square().sum()
    assert fit == pytest.approx(1 - (left.square().sum() / away).item(), rel=1e-4)
    assert spread == 0


SERIES = torch.cat([WINDOWS.unsqueeze(2), torch.randn(32, 12, 2, generator=G)], 2)
CHANNELS = SERIES.transpose(1, 2).contiguous()


class Last(nn.Module):
    """The last state of a recurrent layer."""

    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 3)

    def forward(self, x):
        return self.out(self.cell(x)[0][:, -1])


def over_time(x):
    return normalised(x, 1)


def conv(*first):
    torch.manual_seed(0)
    return nn.Sequential(*first, nn.Conv1d(3, 4, 3), nn.Flatten(), nn.Linear(40, 3))


WAYS = {
    "a norm of the rows": (nn.Sequential(nn.LayerNorm(12), *layers()), WINDOWS),
    "a norm of samples": (conv(nn.InstanceNorm1d(3)), CHANNELS),
    "one with weights": (conv(nn.InstanceNorm1d(3, affine=True)), CHANNELS),
    "a norm of groups": (conv(nn.GroupNorm(1, 3)), CHANNELS),
    "divided by the mean": (Forecaster(layers(), lambda x: x / x.mean(1, True)), WINDOWS),
    "channels": (Forecaster(conv(), lambda x: normalised(x, 2)), CHANNELS),
    "an LSTM": (Forecaster(Last(), over_time), SERIES),
    "each place by itself": (
        Forecaster(nn.Sequential(nn.Linear(3, 2), nn.Flatten(), nn.Linear(24, 3)), over_time),
        SERIES,
    ),
    "positive outputs": (nn.Sequential(Forecaster(layers()), nn.Softplus()), WINDOWS),
}


@pytest.mark.parametrize("name", WAYS)
def test_ways_to_take_it_away(name):
    model, x = WAYS[name]
    told, _, spread = details(model, x)
    assert told > 0.9
    assert spread < 0.2


class Told(nn.Module):
    """The level comes in beside the window."""

    def __init__(self, join):
        super().__init__()
        self.net, self.join = layers(), join
        self.level, self.table = nn.Linear(1, 3), nn.Embedding(32, 3)

    def forward(self, x):
        return self.join(self, self.net(normalised(x)), x.mean(1, keepdim=True))


OTHERS = {
    "brought back": Forecaster(layers(), after=lambda y, x: y * x.std(1, keepdim=True)),
    "added": Forecaster(layers(), after=lambda y, x: y + x.mean(1, keepdim=True)),
    "not normalised": layers(),
    "scaled for all": Forecaster(layers(), lambda x: (x - x.mean()) / x.std()),
    "divided alone": Forecaster(layers(), lambda x: x / x.std(1, keepdim=True)),
    "a way round": Told(lambda self, y, level: y + self.level(level)),
    "looked up": Told(lambda self, y, level: y + self.table(torch.arange(len(y)))),
    "joined": nn.Sequential(
        Forecaster(nn.Linear(13, 3), lambda x: torch.cat([normalised(x), x.mean(1, True)], 1))
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_others_keep_it(name):
    assert details(OTHERS[name]) == NOTHING


def test_an_output_that_is_brought_back_outside_of_the_network():
    model = Forecaster(layers())
    back = [lambda a, b: F.mse_loss(a * LEVELS, b), lambda a, b: absolute(a * LEVELS, b)]
    for loss in back:
        assert details(model, loss=loss) == NOTHING


def test_a_level_that_is_left_in_the_deviation():
    def less_their_mean(x):
        return x - x.mean(1, keepdim=True)

    told, _, spread = details(Forecaster(layers(), less_their_mean))
    assert min(told, spread) > 0.5


def test_targets_that_do_not_follow_the_level():
    told, fit, _ = details(Forecaster(layers()), y=AHEAD / LEVELS)
    assert told < 0.3
    assert fit < 0.3


def test_classes_few_rows_and_equal_targets_tell_nothing():
    model = Forecaster(layers())
    assert details(model, y=torch.arange(32) % 3, loss=F.cross_entropy) == NOTHING
    assert details(model, WINDOWS[:8], AHEAD[:8]) == NOTHING
    assert details(model, y=torch.ones_like(AHEAD)) == NOTHING
