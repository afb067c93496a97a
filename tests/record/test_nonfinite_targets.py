"""Targets that are NaN or infinite are told from operations that make them so."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lifesigns

NAN = float("nan")


def origin(loss_fn, target):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    with lifesigns.watch(model, every=1) as watcher:
        loss_fn(model(torch.randn(8, 3)), target).backward()
    return watcher.trace.snapshots[0].nonfinite


def with_one(value):
    target = torch.randn(8, 1)
    target[3] = value
    return target


@pytest.mark.parametrize("value", [NAN, float("inf")])
def test_a_loss_of_torch_is_given_a_bad_target(value):
    found = origin(lambda out, y: F.mse_loss(out, y).sqrt(), with_one(value))

    assert (found.phase, found.operation, found.count) == ("data", "mse_loss", 1)


def test_a_difference_by_hand_is_given_a_bad_target():
    found = origin(lambda out, y: (out - y).pow(2).mean(), with_one(NAN))

    assert (found.phase, found.operation) == ("data", "sub")


def test_an_operation_that_goes_wrong_before_a_good_target_is_named():
    found = origin(lambda out, y: F.mse_loss((out - 100).log(), y), torch.randn(8, 1))

    assert (found.phase, found.operation) == ("forward", "log")


@pytest.mark.parametrize(
    "loss_fn",
    [
        lambda out, y: (out - y).square()[~y.isnan()].mean(),
        lambda out, y: F.mse_loss(out, y, reduction="none").masked_fill(y.isnan(), 0.0).mean(),
        lambda out, y: torch.where(y.isnan(), 0.0, (out - y) ** 2).sum(),
    ],
)
def test_a_mask_behind_the_arithmetic_leaves_a_bad_target_out_too_late(loss_fn):
    found = origin(loss_fn, with_one(NAN))

    assert (found.phase, found.count) == ("data", 1)


def test_a_mask_before_the_arithmetic_is_in_time():
    def loss_fn(out, y):
        known = ~y.isnan()
        return (out[known] - y[known]).square().mean()

    assert origin(loss_fn, with_one(NAN)) is None


def test_a_mask_behind_an_operation_that_goes_wrong_by_itself():
    found = origin(
        lambda out, y: torch.where(out > 100, (out - 200).sqrt(), 0.0).sum() + F.mse_loss(out, y),
        torch.randn(8, 1),
    )

    assert (found.phase, found.operation) == ("backward", "sqrt")
