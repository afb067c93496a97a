"""Whether the targets of a regression are the last of the inputs."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)
N, TIMES = 16, 6


class Recurrent(nn.Module):
    def __init__(self, features=2, outputs=1, batch_first=True):
        super().__init__()
        self.rnn = nn.LSTM(features, 8, batch_first=batch_first)
        self.out = nn.Linear(8, outputs)
        self.first = batch_first

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.out(states[:, -1] if self.first else states[-1])


def convolution():
    return nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 1))


def window():
    return nn.Sequential(nn.Linear(TIMES, 8), nn.Tanh(), nn.Linear(8, 1))


def squared(output, y):
    return ((output - y) ** 2).mean()


def absolute(output, y):
    return (y - output.squeeze(1)).abs().mean()


def details(model, x, y, loss=F.mse_loss):
    return snapshot(lambda: loss(model(x), y).backward(), model).loss.details


def told(found):
    return found["last_input_apart"] <= 1e-5 * found["targets_apart"]


def series(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


CASES = {
    "a window": (window, series(N, TIMES), lambda x: x[:, -1:], 1),
    "one sensor of two": (Recurrent, series(N, TIMES, 2), lambda x: x[:, -1, :1], 1),
    "both": (lambda: Recurrent(outputs=2), series(N, TIMES, 2), lambda x: x[:, -1], 1),
    "channels first": (convolution, series(N, 2, TIMES), lambda x: x[:, 1:, -1], 2),
    "times first": (
        lambda: Recurrent(batch_first=False),
        series(TIMES, N, 2),
        lambda x: x[-1, :, 1:],
        0,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_last_input_as_a_target_is_found(name):
    make, x, last, dim = CASES[name]

    found = details(make(), x, last(x))

    assert told(found)
    assert found["last_input_dim"] == dim


@pytest.mark.parametrize("loss", [squared, F.smooth_l1_loss])
def test_whatever_compares_the_two(loss):
    x = series(N, TIMES)

    assert told(details(window(), x, x[:, -1:].clone(), loss))
    assert told(details(window(), x, x[:, -1].clone(), absolute))


@pytest.mark.parametrize("name", CASES)
def test_the_next_value_is_another(name):
    make, x, last, _ = CASES[name]

    assert not told(details(make(), x, last(x) + 0.01 * series(*last(x).shape)))


def test_the_first_value_is_to_be_remembered():
    x = series(N, TIMES, 1)

    assert not told(details(Recurrent(1), x, x[:, 0]))


OTHERS = {
    "an autoencoder": lambda m, x: F.mse_loss(nn.functional.linear(m(x), torch.ones(TIMES, 1)), x),
    "classes": lambda m, x: F.cross_entropy(m(x).expand(-1, 3), torch.arange(N) % 3),
    "two comparisons": lambda m, x: F.mse_loss(m(x), x[:, -1:]) + F.mse_loss(m(x), x[:, :1]),
}


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_is_compared(name):
    model, x = window(), series(N, TIMES)

    shot = snapshot(lambda: OTHERS[name](model, x).backward(), model)

    assert "last_input_apart" not in shot.loss.details
