"""Straight-through estimates that are compared with their own source, and others that are not."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

LOSSES = [F.mse_loss, F.smooth_l1_loss, F.huber_loss]


def marked(loss_of):
    torch.manual_seed(0)
    encode, book = nn.Linear(3, 4), nn.Embedding(5, 4)
    model = nn.ModuleList([encode, book])
    x = torch.randn(8, 3)

    def step():
        z = encode(x)
        q = book(torch.cdist(z, book.weight).argmin(1))
        loss_of(z, q, z + (q - z).detach()).backward()

    return snapshot(step, model).loss.details.get("targets_moving_along")


@pytest.mark.parametrize("compare", LOSSES)
def test_an_estimate_that_is_compared_with_its_source_is_seen(compare):
    def loss(z, q, passed):
        return compare(passed, z.detach()) + 0.25 * F.mse_loss(z, passed.detach())

    assert marked(loss) == 1


@pytest.mark.parametrize("compare", LOSSES)
def test_rows_that_are_compared_with_codes_are_what_is_meant(compare):
    def loss(z, q, passed):
        return compare(q, z.detach()) + 0.25 * compare(z, q.detach()) + passed.square().mean()

    assert marked(loss) is None


def test_a_number_added_on_the_way_to_other_targets_is_none():
    assert marked(lambda z, q, passed: F.mse_loss(z + 1, torch.zeros_like(z))) is None
