"""Losses that are lowest where all embeddings point the same way."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

ENCODER = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))
PREDICTOR, OTHER = nn.Linear(4, 4), nn.Linear(6, 4)


def cosine(a, b):
    return F.cosine_similarity(a, b, dim=-1).mean()


def by_hand(a, b):
    return (F.normalize(a, dim=-1) * F.normalize(b, dim=-1)).sum(-1).mean()


def twice(a, b):
    return -(cosine(PREDICTOR(a), b) + cosine(PREDICTOR(b), a)) / 2


def marks(loss):
    """The details of a loss of the embeddings of two views."""
    torch.manual_seed(0)
    one, other = torch.randn(2, 8, 6)
    root = nn.ModuleList([ENCODER, PREDICTOR, OTHER])

    def step():
        loss(ENCODER(one), ENCODER(other), other).backward()

    return snapshot(step, root).loss.details


@pytest.mark.parametrize(
    ("loss", "cosines"),
    [
        (lambda a, b, x: -cosine(a, b), 1),
        (lambda a, b, x: 2 - 2 * by_hand(PREDICTOR(a), b), 1),
        (lambda a, b, x: twice(a, b), 2),
    ],
)
def test_embeddings_that_nothing_keeps_apart(loss, cosines):
    assert marks(loss)["drawn_together"] == cosines


@pytest.mark.parametrize(
    "loss",
    [
        lambda a, b, x: -cosine(PREDICTOR(a), b.detach()),
        lambda a, b, x: -cosine(PREDICTOR(a), b.detach()) - cosine(PREDICTOR(b), a),
        lambda a, b, x: cosine(a, b),
        lambda a, b, x: cosine(a, b.roll(1, 0)) - cosine(a, b),
        lambda a, b, x: F.relu(1 - a.std(0)).mean() - cosine(a, b),
        lambda a, b, x: F.mse_loss(F.cosine_similarity(a, b), torch.ones(8)),
        lambda a, b, x: (F.cosine_similarity(a, b) * torch.tensor([1.0, -1.0] * 4)).mean(),
        lambda a, b, x: -cosine(a, OTHER(x)),
        lambda a, b, x: -(PREDICTOR(a) * b).sum(-1).mean(),
        lambda a, b, x: -cosine(*(v @ torch.linalg.cholesky(v.T @ v).inverse() for v in (a, b))),
    ],
)
def test_losses_that_ask_for_something_else(loss):
    assert "drawn_together" not in marks(loss)
