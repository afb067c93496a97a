"""The gradient as the optimizer uses it, where a loss was scaled."""

import math

import pytest
import torch
from torch import nn
from training_steps import sgd


def step(model, optimizer, scaler, clip):
    optimizer.zero_grad()
    scaler.scale(100 * model(torch.ones(8, 4)).square().mean()).backward()
    if clip == "after":
        scaler.unscale_(optimizer)
    if clip:
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    scaler.step(optimizer)
    scaler.update()


def norm(shot, field):
    return math.sqrt(sum(getattr(p, field) ** 2 * math.prod(p.shape) for p in shot.parameters))


@pytest.mark.parametrize(("clip", "expected"), [("before", 0.5 / 1024), ("after", 0.5), ("", None)])
def test_its_norm_is_what_clipping_has_left(recording, clip, expected):
    model = nn.Linear(4, 3)
    recorder, optimizer = recording(every=1), sgd(model, rate=1e-4)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)

    for _ in range(2):
        step(model, optimizer, scaler, clip)
    recorder.stop()

    for shot in recorder.trace().snapshots:
        wanted = norm(shot, "gradient_rms") if expected is None else expected
        assert norm(shot, "used_gradient_rms") == pytest.approx(wanted, rel=1e-4)


def test_it_is_not_read_of_a_plain_loss(recording):
    model = nn.Linear(4, 3)
    recorder, optimizer = recording(every=1), sgd(model)

    model(torch.ones(8, 4)).square().mean().backward()
    optimizer.step()
    recorder.stop()

    (shot,) = recorder.trace().snapshots
    assert all(math.isnan(p.used_gradient_rms) for p in shot.parameters)
