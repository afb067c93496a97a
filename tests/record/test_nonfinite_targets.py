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
