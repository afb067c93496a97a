"""What a schedule that waits for a plateau is given."""

import pickle

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from training_steps import sgd


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
    return recorder.trace().snapshots, scheduler


def test_what_it_is_given_is_a_detail_of_the_steps_that_follow(recording):
    shots, _ = trained(recording, [1.0, 0.5, torch.tensor(0.25), 0.1], mode="max")

    first, *_, last = (shot.loss.details for shot in shots)
    assert not any(word.startswith("plateau") for word in first)
    assert {word: last[f"plateau_{word}"] for word in ("rises", "given", "first", "latest")} == {
        "rises": 1,
        "given": 3,
        "first": 1,
        "latest": 0.25,
    }


def test_nothing_is_noted_without_one_and_nothing_is_left_behind(recording):
    step = ReduceLROnPlateau.step

    shots, _ = trained(recording, [1.0] * 3)
    _, scheduler = trained(recording, [1.0] * 3, mode="min")

    assert not any(word.startswith("plateau") for word in shots[-1].loss.details)
    assert ReduceLROnPlateau.step is step
    assert pickle.loads(pickle.dumps(scheduler)).num_bad_epochs == 2
