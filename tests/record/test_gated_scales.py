"""Errors that are divided by the floor of a ReLU, or of a clamp, in a likelihood are found."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn
from torch.distributions import Laplace, Normal

torch.set_num_threads(1)
N = 24
X = torch.randn(N, 3, generator=torch.Generator().manual_seed(1))
Y = X.sum(1, keepdim=True).clone()


class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.raw, self.both = nn.Linear(3, 1), nn.Linear(3, 1), nn.Linear(3, 2)
        for head in (self.raw, self.both):
            nn.init.constant_(head.weight, 0.7)
            nn.init.zeros_(head.bias)


def marks(loss):
    torch.manual_seed(0)
    model = Heads()
    details = snapshot(lambda: loss(model).backward(), model).loss.details
    return {word: value for word, value in details.items() if "floor" in word or "else" in word}


def nll(scale):
    return lambda m: F.gaussian_nll_loss(m.mean(X), Y, scale(m.raw(X)), eps=1e-4)


def by_hand(scale):
    def loss(m):
        variance = scale(m.raw(X))
        return 0.5 * (variance.log() + (Y - m.mean(X)).square() / variance).mean()

    return loss


def normal(scale, density=Normal):
    return lambda m: -density(m.mean(X), scale(m.raw(X))).log_prob(Y).mean()


def of_columns(scale):
    def loss(m):
        mean, raw = m.both(X).unbind(1)
        return -Normal(mean, scale(raw)).log_prob(Y[:, 0]).mean()

    return loss


FLOORS = {
    "torch's, of a ReLU": nll(F.relu),
    "by hand": by_hand(lambda raw: F.relu(raw) + 1e-4),
    "a density": normal(lambda raw: F.relu(raw) + 1e-4),
    "a density of sizes": normal(lambda raw: F.relu(raw) + 1e-4, Laplace),
    "a column": of_columns(lambda raw: F.relu(raw) + 1e-4),
    "times a number": normal(lambda raw: 2 * F.relu(raw) + 1e-4),
}
BOUNDS = "a bound on both sides"
CLAMPS = {
    "by hand": by_hand(lambda raw: raw.clamp(min=1e-4)),
    BOUNDS: normal(lambda raw: raw.clamp(1e-4, 10)),
    "a column": of_columns(lambda raw: raw.clamp_min(1e-4)),
}


def least(name):
    """Of a density the scale is squared, and doubled if it is a Gaussian's."""
    return 2e-8 if name in ("a density", "a column", "times a number", BOUNDS) else 1e-4


def at_floor(column=False):
    torch.manual_seed(0)
    model = Heads()
    raw = model.both(X)[:, 1] if column else model.raw(X)
    return (raw <= 0).float().mean()


@pytest.mark.parametrize("name", FLOORS)
def test_the_floor_of_a_relu(name):
    found = marks(FLOORS[name])

    assert found["scales_at_floor"] == pytest.approx(at_floor(name == "a column"))
    assert found["floor_of_scales"] == pytest.approx(least(name), rel=1e-4)
    assert found["error_at_floor"] > 100 * found["error_elsewhere"]
    assert (found["floor_by_clamp"], found["floor_site"] >= 0) == (0, True)


@pytest.mark.parametrize("name", CLAMPS)
def test_the_floor_of_a_clamp(name):
    found = marks(CLAMPS[name])

    assert found["scales_at_floor"] == pytest.approx(at_floor(name == "a column"))
    assert found["floor_of_scales"] == pytest.approx(least(name), rel=1e-4)
    assert found["floor_by_clamp"] == 1


def test_the_errors_are_means_of_squares():
    found = marks(nll(F.relu))

    torch.manual_seed(0)
    model = Heads().requires_grad_(False)
    variance = F.relu(model.raw(X)).clamp(min=1e-4)
    ratio = (model.mean(X) - Y).square() / variance
    is_floor = variance == 1e-4
    assert found["error_at_floor"] == pytest.approx(float(ratio[is_floor].mean()), rel=1e-4)
    assert found["error_elsewhere"] == pytest.approx(float(ratio[~is_floor].mean()), rel=1e-4)


def test_what_is_squared_behind_the_division_is_a_square():
    def loss(m):
        scale = F.relu(m.raw(X)) + 1e-2
        return (scale.log() + ((Y - m.mean(X)) / scale) ** 2 / 2).mean()

    torch.manual_seed(0)
    model = Heads().requires_grad_(False)
    scale = F.relu(model.raw(X)) + 1e-2
    squares = ((Y - model.mean(X)) / scale).square()[scale == scale.min()]
    assert marks(loss)["error_at_floor"] == pytest.approx(float(squares.mean()), rel=1e-4)


def as_attention(m):
    """A ReLU is divided by a sum of its own, and no logarithm is taken."""
    weights = F.relu(m.both(X)) + 1e-3
    return F.mse_loss((weights / weights.sum(1, keepdim=True))[:, :1], Y)


WITHOUT = {
    "softplus": nll(F.softplus),
    "exp": by_hand(torch.exp),
    "a clamp behind softplus": by_hand(lambda raw: F.softplus(raw).clamp(min=1e-4)),
    "a clamp behind exp": normal(lambda raw: raw.exp().clamp(1e-4, 10)),
    "a clamped logarithm": normal(lambda raw: raw.clamp(-5, 2).exp()),
    "elu": normal(lambda raw: F.elu(raw) + 1.001),
    "squares": by_hand(lambda raw: raw.square() + 1e-4),
    "a hidden ReLU": lambda m: F.gaussian_nll_loss(
        m.mean(X), Y, F.softplus(F.relu(m.raw(X)) * 2 - 1)
    ),
    "a logarithm that divides nothing": lambda m: (
        F.mse_loss(m.mean(X), Y) - (F.relu(m.raw(X)) + 1e-2).log().mean()
    ),
    "no logarithm": lambda m: ((Y - m.mean(X)).square() / (F.relu(m.raw(X)) + 1e-2)).mean(),
    "a share": as_attention,
}


@pytest.mark.parametrize("name", WITHOUT)
def test_other_scales_have_no_such_floor(name):
    assert not marks(WITHOUT[name])
