"""Soft targets beside labels: how often both name one class."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

SAMPLES, KINDS = 64, 5


def marks(loss, *, shuffled):
    torch.manual_seed(0)
    net = nn.Linear(6, KINDS)
    x, y = torch.randn(SAMPLES, 6), torch.randint(KINDS, (SAMPLES,))
    scores = 6.0 * F.one_hot(y, KINDS) + torch.randn(SAMPLES, KINDS)
    soft = scores[torch.randperm(SAMPLES)] if shuffled else scores
    return snapshot(lambda: loss(net(x), soft, y).backward(), net).loss.details


def by_kl_div(out, soft, y):
    far = F.kl_div(F.log_softmax(out / 3, 1), (soft / 3).softmax(1), reduction="batchmean")
    return 0.9 * 9 * far + 0.1 * F.cross_entropy(out, y)


def by_cross_entropy(out, soft, y):
    return F.cross_entropy(out, y) + F.cross_entropy(out, soft.softmax(1))


def by_hand(out, soft, y):
    return F.cross_entropy(out, y) - (soft.softmax(1) * F.log_softmax(out, 1)).sum(1).mean()


@pytest.mark.parametrize("loss", [by_kl_div, by_cross_entropy, by_hand])
def test_a_teacher_and_labels(loss):
    right, strange = (marks(loss, shuffled=shuffled) for shuffled in (False, True))

    assert right["taught"] == strange["taught"] == SAMPLES
    assert right["taught_as_labelled"] == SAMPLES
    assert strange["taught_as_labelled"] < SAMPLES / 2
    assert SAMPLES / 8 < strange["taught_by_chance"] < SAMPLES / 3
    assert 0.5 < strange["taught_largest"] < 1


@pytest.mark.parametrize(
    "loss",
    [
        lambda out, soft, y: F.cross_entropy(out, y),
        lambda out, soft, y: F.cross_entropy(out, soft.softmax(1)),
        lambda out, soft, y: F.cross_entropy(out, y) + (soft * F.log_softmax(out, 1)).mean(),
        lambda out, soft, y: F.cross_entropy(out, y) + F.mse_loss(out, soft),
    ],
)
def test_no_teacher(loss):
    assert "taught" not in marks(loss, shuffled=True)
