"""Backward passes whose gradients were cleared before any step had used them."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from training_steps import sgd

PARTS, STEPS = 4, 3


def discarded(recorder, model, train):
    """What was counted, in each recorded step, of each parameter."""
    for _ in range(STEPS):
        train(model)
    recorder.stop()
    return {
        shot.step: {p.discarded_passes for p in shot.parameters}
        for shot in recorder.trace().snapshots
        if shot.parameters
    }


def loss_of(model):
    x = torch.randn(8, 6)
    return F.cross_entropy(model(x), (x[:, 0] > 0).long())


def network():
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2))


@pytest.mark.parametrize("to_none", [True, False])
def test_cleared_before_each_part(recording, to_none):
    model = network()
    optimizer = sgd(model)

    def train(model):
        for _ in range(PARTS):
            optimizer.zero_grad(set_to_none=to_none)
            loss_of(model).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        optimizer.step()

    recorder = recording(every=1)
    found = discarded(recorder, model, train)

    assert found == {step: {PARTS - 1} for step in range(STEPS)}
    assert recorder.trace().steps == STEPS


def test_cleared_once_a_step(recording):
    model = network()
    optimizer = sgd(model)

    def train(model):
        optimizer.zero_grad()
        for _ in range(PARTS):
            (loss_of(model) / PARTS).backward()
        optimizer.step()

    assert discarded(recording(every=1), model, train) == {step: {0} for step in range(STEPS)}


def test_gradients_of_parts_put_together_by_hand(recording):
    model = network()
    optimizer = sgd(model)

    def train(model):
        parts = []
        for _ in range(PARTS):
            optimizer.zero_grad()
            loss_of(model).backward()
            parts.append([p.grad.clone() for p in model.parameters()])
        for p, *gradients in zip(model.parameters(), *parts, strict=True):
            p.grad = torch.stack(gradients).median(0).values
        optimizer.step()

    assert discarded(recording(every=1), model, train) == {step: {0} for step in range(STEPS)}


def test_weights_moved_in_between(recording):
    model = network()
    optimizer = sgd(model)

    def train(model):
        optimizer.zero_grad()
        loss_of(model).backward()
        moves = [0.1 * p.grad for p in model.parameters()]
        with torch.no_grad():
            for p, move in zip(model.parameters(), moves, strict=True):
                p.add_(move)
        optimizer.zero_grad()
        loss_of(model).backward()
        with torch.no_grad():
            for p, move in zip(model.parameters(), moves, strict=True):
                p.sub_(move)
        optimizer.step()

    found = discarded(recording(every=1), model, train)

    assert all(counts == {0} for counts in found.values())


def test_adversarial_examples(recording):
    model = network()
    optimizer = sgd(model)

    def train(model):
        x = torch.randn(8, 6, requires_grad=True)
        y = (x[:, 0] > 0).long()
        F.cross_entropy(model(x), y).backward()
        optimizer.zero_grad()
        F.cross_entropy(model(x.detach() + 0.1 * x.grad.sign()), y).backward()
        optimizer.step()

    assert discarded(recording(every=1), model, train) == {step: {0} for step in range(STEPS)}


def test_a_generator_before_its_discriminator(recording):
    generator, judge = nn.Linear(3, 6), network()
    ahead, behind = sgd(generator), sgd(judge)

    def train(_):
        ahead.zero_grad()
        fake = generator(torch.randn(8, 3))
        F.cross_entropy(judge(fake), torch.ones(8, dtype=torch.long)).backward()
        ahead.step()
        behind.zero_grad()
        loss_of(judge).backward()
        behind.step()

    found = discarded(recording(every=1), judge, train)

    assert all(min(counts) == 0 for counts in found.values())


def test_a_scaler_that_skips(recording):
    model = network()
    recorder, optimizer = recording(every=1), sgd(model)
    for factor in (float("inf"), 1.0):
        optimizer.zero_grad()
        (factor * loss_of(model)).backward()
        if factor == 1.0:
            optimizer.step()
    recorder.stop()

    assert {p.discarded_passes for s in recorder.trace().snapshots for p in s.parameters} == {0}
