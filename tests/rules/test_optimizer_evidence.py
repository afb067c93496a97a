"""Small trainings whose optimizer, schedule or data give the fault away, and their cures."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import lifesigns

torch.set_num_threads(1)


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))


def batch(n=64):
    x = torch.randn(n, 8)
    return x, (x[:, :1] * x[:, 1:2] + x[:, 2:3]).clamp(-2, 2)


def alarms(report):
    return [f.rule for f in report.findings if f.severity.value != "note"]


def train(model, optimizer, *, steps=300, schedule=None, watched=None):
    with lifesigns.watch(watched) as watcher:
        for _ in range(steps):
            x, y = batch()
            loss = F.mse_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if schedule:
                schedule.step()
    return watcher.report


# --- schedules ------------------------------------------------------------------------------------
SCHEDULES = torch.optim.lr_scheduler


def scheduled(make, steps=300):
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    return train(model, optimizer, steps=steps, schedule=make(optimizer))


@pytest.mark.parametrize(
    "make",
    [
        lambda o: SCHEDULES.StepLR(o, 2, 0.3),
        lambda o: SCHEDULES.ExponentialLR(o, 0.6),
        lambda o: SCHEDULES.MultiStepLR(o, [3, 6, 8, 10], 0.1),
        lambda o: SCHEDULES.LambdaLR(o, lambda k: max(0.0, 1 - k / 10)),
    ],
)
def test_a_schedule_for_epochs_that_is_stepped_for_each_batch_leads(make):
    assert alarms(scheduled(make))[:1] == ["rate-ran-out"]


@pytest.mark.parametrize(
    "make",
    [
        lambda o: SCHEDULES.CosineAnnealingLR(o, 400),
        lambda o: SCHEDULES.LinearLR(o, 1.0, 0.0, 400),
        lambda o: SCHEDULES.OneCycleLR(o, 0.05, total_steps=401),
        lambda o: SCHEDULES.LinearLR(o, 0.01, 1.0, 40),
    ],
)
def test_a_schedule_that_ends_with_the_run_is_left_alone(make):
    report = scheduled(make, steps=400)

    assert not alarms(report), report


def test_a_warm_up_longer_than_the_run_is_named():
    report = scheduled(lambda o: SCHEDULES.LambdaLR(o, lambda k: k / 1_000_000))

    assert alarms(report)[:1] == ["rate-ran-out"]
    assert "warming up" in report.findings[0].symptom


# --- optimizers of something else -----------------------------------------------------------------
def test_an_optimizer_built_on_a_copy_is_an_error_whatever_the_loss_does():
    model = network()
    report = train(model, torch.optim.Adam(copy.deepcopy(model).parameters(), 1e-3), steps=60)

    assert alarms(report)[0] == "detached-parameters"
    assert report.findings[0].severity.value == "error"
    assert "are in no optimizer" in report.findings[0].symptom


def test_a_head_that_learns_on_features_nobody_trains_is_left_alone():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 256), nn.ReLU(), nn.Linear(256, 1))
    report = train(model, torch.optim.Adam(model[2].parameters(), 1e-2))

    assert not alarms(report), report


def test_a_loop_that_steps_only_its_schedule_is_an_error():
    model = network()
    optimizer = torch.optim.Adam(model.parameters())

    with lifesigns.watch() as watcher:
        for _ in range(60):
            x, y = batch()
            optimizer.zero_grad()
            F.mse_loss(model(x), y).backward()

    assert alarms(watcher.report)[:1] == ["steps-never-come"]
    assert "Adam made no step" in watcher.report.findings[0].measured


# --- half precision -------------------------------------------------------------------------------
def test_updates_that_bfloat16_swallows_lead_and_not_the_rate():
    model = network().bfloat16()
    optimizer = torch.optim.Adam(model.parameters(), 1e-5)

    with lifesigns.watch() as watcher:
        for _ in range(300):
            x, y = batch()
            optimizer.zero_grad()
            F.mse_loss(model(x.bfloat16()).float(), y).backward()
            optimizer.step()

    assert alarms(watcher.report)[:1] == ["updates-rounded-away"]


# --- inputs ---------------------------------------------------------------------------------------
def inputs_over(steps, change):
    torch.manual_seed(0)
    x, _ = batch(64)
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    with lifesigns.watch() as watcher:
        for step in range(steps):
            given = change(x, step)
            optimizer.zero_grad()
            F.mse_loss(model(given), torch.randn(64, 1)).backward()
            optimizer.step()
    return [f.rule for f in watcher.report.findings]


def test_data_that_are_scaled_in_place_again_and_again_are_found():
    assert "drifting-input" in inputs_over(200, lambda x, step: x.div_(0.97))


def test_augmented_data_do_not_drift():
    def noisy(x, step):
        return x * torch.empty(64, 1).uniform_(0.05, 4) + torch.randn(64, 8)

    assert "drifting-input" not in inputs_over(200, noisy)
