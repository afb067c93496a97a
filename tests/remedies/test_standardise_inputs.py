"""What is added to the variances of features that are standardised."""

import pytest
import torch
from torch import nn

from lifesigns.records import BatchReading, Finding, Severity, UnitSums
from lifesigns.remedies import LiveRun
from lifesigns.remedies.standardise_inputs import made_for
from lifesigns.rules.testing import chain, snapshot, trace

LOUD = Finding("unscaled-input", "", Severity.ERROR, "", "", 0, "", "", "", "")


def made(values):
    batch = BatchReading(tuple(values.shape), UnitSums.of(values.numpy()))
    (edit,) = made_for(LOUD, trace(snapshot(chain("linear"), batch=batch)))
    return edit


def spread(*sizes):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(64, len(sizes), generator=generator) * torch.tensor(sizes)


def test_a_feature_that_stood_still_in_training_is_not_blown_up_when_it_moves():
    values = spread(1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.0)
    model = nn.Sequential(nn.Identity())

    with made(values).apply(LiveRun(model)):
        for _ in range(300):
            model(values)
        moved = model.eval()(torch.full((1, 8), 0.5))

    assert moved.abs().max() < 20


@pytest.mark.parametrize("sizes", [(1e-5, 1e-5), (10.0, 1e4), (1.0, 1.0, 0.0)])
def test_features_of_any_size_are_standardised(sizes):
    values = spread(*sizes)
    model = nn.Sequential(nn.Identity())

    with made(values).apply(LiveRun(model)):
        given = model(values)

    moving = torch.tensor(sizes) > 0
    assert given.std(0)[moving] == pytest.approx(torch.ones(int(moving.sum())), abs=0.02)


def test_features_that_all_stand_still_get_the_usual_number():
    assert made(torch.ones(8, 3)).smallest == 1e-8
