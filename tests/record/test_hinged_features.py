"""Hinges on the deviation of embeddings: over the samples, or over the units of each."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

NET = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5))
WITH_NORM = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5))


def hinge(z, dim):
    return F.relu(1 - torch.sqrt(z.var(dim=dim) + 1e-4)).mean()


def by_std(z, dim):
    return torch.clamp(1 - z.std(dim), min=0).mean()


def covariance(z):
    z = z - z.mean(0)
    c = z.T @ z / (len(z) - 1)
    return (c.pow(2).sum() - c.diagonal().pow(2).sum()) / z.shape[1]


def off_diagonal(z):
    z = z - z.mean(0)
    c = z.T @ z / (len(z) - 1)
    return c.flatten()[:-1].view(4, 6)[:, 1:].pow(2).sum() / 5


def marks(loss, net=NET):
    torch.manual_seed(0)
    one, other = torch.randn(2, 16, 6)
    return snapshot(lambda: loss(net(one), net(other)).backward(), net).loss.details


@pytest.mark.parametrize(
    ("loss", "hinges"),
    [
        (lambda a, b: 25 * F.mse_loss(a, b) + 25 * (hinge(a, 1) + hinge(b, 1)) / 2, 2),
        (lambda a, b: F.mse_loss(a, b) + hinge(a, -1) + hinge(b, -1) + covariance(a), 2),
        (lambda a, b: (a - b).pow(2).mean() + by_std(a, 1) + off_diagonal(b), 1),
    ],
)
def test_features_of_each_sample_are_held_apart(loss, hinges):
    found = marks(loss)

    assert (found["hinged_features"], found["hinged_units"]) == (hinges, 5)


@pytest.mark.parametrize(
    "loss",
    [
        lambda a, b: F.mse_loss(a, b) + hinge(a, 0) + hinge(b, 0) + covariance(a),
        lambda a, b: F.mse_loss(a, b) + hinge(a, 1) + hinge(a, 0),
        lambda a, b: F.mse_loss(a, b) + hinge(a.T, 1),
        lambda a, b: F.mse_loss(a, b.detach()) + hinge(a, 1),
        lambda a, b: F.cross_entropy(a @ b.T, torch.arange(16)) + hinge(a, 1),
        lambda a, b: F.mse_loss(a, b) + hinge(a, 1) - F.mse_loss(a, b.roll(1, 0)),
        lambda a, b: F.mse_loss(a, b) - hinge(a, 1),
        lambda a, b: F.mse_loss(a, b) + covariance(a),
    ],
)
def test_samples_are_held_apart(loss):
    assert "hinged_features" not in marks(loss)


def test_a_normalisation_over_the_batch_holds_samples_apart():
    found = marks(lambda a, b: F.mse_loss(a, b) + hinge(a, 1), WITH_NORM)

    assert "hinged_features" not in found
