"""By how many standard errors the targets of one sample go together."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)

LOSSES = {
    "built in": F.mse_loss,
    "absolute": F.l1_loss,
    "by hand": lambda output, target: ((output - target) ** 2).mean(),
    "the other way": lambda output, target: ((target - output) ** 2).mean(),
}


def details(target, loss=F.mse_loss):
    width = target[0].numel()
    model = nn.Sequential(nn.Flatten(), nn.Linear(width, width), nn.Unflatten(1, target.shape[1:]))
    return snapshot(lambda: loss(model(torch.randn_like(target)), target).backward(), model).loss


def together(target, loss=F.mse_loss):
    return details(target, loss).details.get("targets_together")


def beyond_chance(target):
    """The slow twin: every pair of columns for itself."""
    rows = target.flatten(1)[:256, :64].double().numpy()
    rows = rows - rows.mean()
    n, k = rows.shape
    cosines = [
        rows[:, i] @ rows[:, j] / np.linalg.norm(rows[:, i]) / np.linalg.norm(rows[:, j])
        for i in range(k)
        for j in range(i)
    ]
    return sum(n * c**2 - 1 for c in cosines) / np.sqrt(2 * len(cosines))


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("shape", [(64, 2), (300, 5), (32, 1, 4, 4), (16, 100)])
def test_it_is_what_the_pairs_say(shape, loss):
    torch.manual_seed(0)
    target = torch.randn(shape)

    assert together(target, loss) == pytest.approx(beyond_chance(target), rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("shape", [(64, 2), (64, 30), (16, 64), (32, 1, 6, 6)])
def test_of_noise_it_is_chance(shape):
    torch.manual_seed(0)
    found = [together(draw(shape)) for draw in (torch.randn, torch.rand) for _ in range(10)]

    assert max(map(abs, found)) < 4


def test_of_what_goes_together_it_is_far_more():
    torch.manual_seed(0)
    common = torch.randn(64, 1)

    assert together(common + torch.randn(64, 8)) > 20
    assert together(common.expand(64, 2).clone()) > 20
    assert together(torch.ones(64, 4) + 0.1 * torch.randn(64, 4)) < 4  # about the mean of all


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(torch.ones(64, 1), id="one number"),
        pytest.param(torch.randn(8, 4), id="few samples"),
        pytest.param(torch.full((64, 4), torch.inf), id="infinite"),
    ],
)
def test_of_other_targets_nothing_is_said(target):
    assert together(target) is None


def test_of_shares_nothing_is_said():
    assert together(torch.rand(64, 4), F.binary_cross_entropy_with_logits) is None
