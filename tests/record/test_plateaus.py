"""What a schedule that waits for a plateau is given."""

import pickle

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from training_steps import sgd

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

    assert plateau == Plateau(True, 4, 1.0, 1.5, 0.125)


def test_nothing_is_noted_without_one_and_nothing_is_left_behind(recording):
    step = ReduceLROnPlateau.step

    nothing, _ = trained(recording, [1.0] * 3)
    _, scheduler = trained(recording, [1.0] * 3, mode="min")

    assert nothing is None
    assert ReduceLROnPlateau.step is step
    assert pickle.loads(pickle.dumps(scheduler)).num_bad_epochs == 2
