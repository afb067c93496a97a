"""How far an average of the weights has followed the network that it is kept for."""

import copy
import weakref

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn
from training_steps import sgd


def network():
    return nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))


class Mean:
    """As programs write it: a copy in evaluation mode."""

    def __init__(self, model, decay):
        self.module, self.decay = copy.deepcopy(model).eval(), decay

    @torch.no_grad()
    def update_parameters(self, model):
        for own, p in zip(self.module.parameters(), model.parameters(), strict=True):
            own.lerp_(p, 1 - self.decay)


def torchs(model, decay):
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))


class Best:
    """A copy that is made once."""

    def __init__(self, model, decay):
        self.module, self.at = copy.deepcopy(model).eval(), 0

    def update_parameters(self, model):
        self.at += 1
        if self.at == 2:
            self.module.load_state_dict(model.state_dict())


class Whole(Mean):
    """With the running statistics."""

    def update_parameters(self, model):
        super().update_parameters(model)
        for own, buffer in zip(self.module.buffers(), model.buffers(), strict=True):
            own.copy_(buffer)


def trained(recording, make, decay, steps=20, teaches=False):
    """Details of the losses of a run with such an average."""
    torch.manual_seed(0)
    model, x = network(), torch.randn(32, 4)
    recorder, optimizer = recording(every=1), sgd(model)
    mean = make(model, decay)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (model(x) - x.sum(1, keepdim=True)).square().mean()
        if teaches:
            with torch.no_grad():
                target = mean.module(x)
            loss = loss + (model(x) - target).square().mean()
        loss.backward()
        optimizer.step()
        mean.update_parameters(model)
    recorder.stop()
    return [shot.loss.details for shot in recorder.trace().snapshots]


@pytest.mark.parametrize("make", [Mean, torchs])
def test_the_way_of_an_average_is_that_of_its_memory(recording, make):
    slow = trained(recording, make, 0.9999)
    fast = trained(recording, make, 0.5)

    assert slow[-1]["average_way"] < 0.3  # torch's begins after the first step
    assert fast[-1]["average_way"] > 0.8
    assert all(details["average_changes"] for details in [*slow[2:], *fast[2:]])
    assert not any(details["average_runs"] for details in slow[1:])


def test_a_copy_that_is_made_once_does_not_change_later(recording):
    details = trained(recording, Best, 0.0)

    assert [one["average_changes"] for one in details[1:]] == [0, 1, *[0] * 17]


def test_a_teacher_runs_in_each_step(recording):
    details = trained(recording, Mean, 0.99, teaches=True)

    assert all(one["average_runs"] for one in details[1:])


def test_the_class_of_averages_is_as_it_was(recording):
    before = AveragedModel.__init__
    recorder = recording(every=1)
    recorder.stop()

    assert AveragedModel.__init__ is before


def test_another_network_in_evaluation_mode_is_no_average(recording):
    def other(model, decay):
        mean = Mean(model, decay)
        mean.module = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2)).eval()
        mean.update_parameters = lambda model: None
        return mean

    assert "average_way" not in trained(recording, other, 0.5)[-1]


def evaluated(recording, make, before=lambda mean, x: None, *, evaluates=True):
    """Whether a run told that such an average was evaluated with statistics of no data."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 1))
    x = torch.randn(32, 4) + 2
    recorder, optimizer = recording(every=7), sgd(model)
    mean = make(model, 0.5)
    for step in range(30):
        optimizer.zero_grad()
        (model(x) - x.sum(1, keepdim=True)).square().mean().backward()
        optimizer.step()
        mean.update_parameters(model)
        if step % 5 == 4 and evaluates:
            before(mean, x)
            mean.module.eval()
    recorder.stop()
    return recorder.trace().bare_averages == ("Sequential",)


def test_an_average_without_running_statistics_is_told_where_it_is_evaluated(recording):
    assert evaluated(recording, Mean)
    assert not evaluated(recording, Mean, evaluates=False)


@pytest.mark.parametrize("make", [Mean, Whole])
def test_an_average_is_looked_at_where_it_runs_after_the_training(recording, make):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 1))
    x, mean = torch.randn(32, 4) + 2, make(model, 0.5)
    recorder, optimizer = recording(every=20), sgd(model)
    mean.module.eval()
    for _ in range(30):
        optimizer.zero_grad()
        (model(x) - x.sum(1, keepdim=True)).square().mean().backward()
        optimizer.step()
        mean.update_parameters(model)
    before = recorder.trace().bare_averages
    with torch.no_grad():
        mean.module(x)
    recorder.stop()

    assert not before
    assert recorder.trace().bare_averages == (("Sequential",) if make is Mean else ())


def test_a_copy_that_is_gone_is_told_all_the_same_and_is_not_kept(recording):
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Linear(16, 1))
    x, recorder, optimizer = torch.randn(32, 4) + 2, recording(every=1), sgd(model)
    mean = Mean(model, 0.5)
    for _ in range(3):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
        mean.update_parameters(model)
    mean.module.eval()
    reference = weakref.ref(mean.module)
    del mean
    recorder.stop()

    assert reference() is None
    assert recorder.trace().bare_averages == ("Sequential",)


def test_a_copy_that_gathers_statistics_of_its_own_is_not_evaluated(recording):
    def in_training_mode(mean, x):
        with torch.no_grad():
            mean.module.train()(x)

    assert not evaluated(recording, Mean, in_training_mode)


def test_an_average_with_running_statistics_is_not(recording):
    def gathered(mean, x):
        update_bn([x], mean.module)

    assert not evaluated(recording, Whole)
    assert not evaluated(recording, Mean, gathered)
    assert not evaluated(recording, torchs)  # it copies them
