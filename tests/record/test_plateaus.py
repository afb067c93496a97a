"""What a schedule that waits for a plateau is given."""

import math
import pickle

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from training_steps import sgd

from lifesigns.record.schedule.plateaus import Shares
from lifesigns.records import Plateau


def trained(recording, numbers, **schedule):
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    recorder, optimizer = recording(every=1), sgd(model)
    scheduler = ReduceLROnPlateau(optimizer, **schedule) if schedule else None

    for number in numbers:
        optimizer.zero_grad()
        model(torch.ones(8, 4)).square().mean().backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step(number)
    recorder.stop()
    return recorder.trace().plateau, scheduler


def test_what_it_is_given_is_known_at_the_end(recording):
    plateau, _ = trained(recording, [1.0, 1.5, torch.tensor(0.25), 0.125], mode="max")

    assert plateau == Plateau(True, 4, 1.0, 0.125, 1.5, 0.125, 8)


@pytest.mark.parametrize(
    ("numbers", "samples"),
    [
        ([0.51375, 0.57625, 0.64], 800),
        ([100 * k / 9999 for k in (4321, 5677, 7001)], 9999),
        ([float(np.float32(k / 997)) for k in (431, 567, 701)], 997),
        ([0.5, 0.5, 0.25, 0.5], 0),
        ([0.5, 0.25, math.exp(-0.5)], 0),
        ([float(np.float32(math.exp(-k))) for k in (0.5, 0.7, 1.1)], 0),
        ([0.5, math.nan, 0.25, 0.75], 0),
    ],
    ids=("accuracies", "percent", "float32", "too few", "one loss", "float32 losses", "NaN"),
)
def test_shares_of_one_number_of_samples_are_told_from_losses(numbers, samples):
    shares = Shares()

    for number in numbers:
        shares.add(number)

    assert shares.samples == samples


def test_nothing_is_noted_without_one_and_nothing_is_left_behind(recording):
    step = ReduceLROnPlateau.step

    nothing, _ = trained(recording, [1.0] * 3)
    _, scheduler = trained(recording, [1.0] * 3, mode="min")

    assert nothing is None
    assert ReduceLROnPlateau.step is step
    assert pickle.loads(pickle.dumps(scheduler)).num_bad_epochs == 2
