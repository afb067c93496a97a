"""The stale part of a gradient against programs with and without `zero_grad`."""

import math

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import record
from torch import nn

torch.set_num_threads(1)


class Programme:
    """A training on fresh batches; `before` and `after` surround the backward pass."""

    def __init__(self, before=lambda p: None, after=lambda p: None, rate=0.01):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
        self.optimizer = torch.optim.SGD(self.model.parameters(), rate)
        self.before, self.after = before, after
        self.left = []
        """The gradient of the first weight before each backward pass."""

    def backward(self):
        gradient = self.model[0].weight.grad
        self.left.append(torch.zeros(5, 3) if gradient is None else gradient.clone())
        F.mse_loss(self.model(torch.randn(7, 3)), torch.randn(7, 2)).backward()

    def step(self):
        self.before(self)
        self.backward()
        self.after(self)
        self.optimizer.step()

    def stale(self, steps=3, name="0.weight"):
        trace = record(self.step, self.model, [self.optimizer], steps)
        return [s.parameter(name).stale_gradient_rms for s in trace.snapshots]


def clear(programme):
    programme.optimizer.zero_grad()


def fill_with_zeros(programme):
    programme.optimizer.zero_grad(set_to_none=False)


def rms(tensor):
    return float(tensor.double().square().mean().sqrt())


@pytest.mark.parametrize("zero_grad", [clear, fill_with_zeros])
def test_nothing_is_stale_after_zero_grad(zero_grad):
    assert Programme(zero_grad).stale() == [0, 0, 0]


@pytest.mark.parametrize("zero_grad", [clear, fill_with_zeros])
def test_nothing_is_stale_when_gradients_are_cleared_at_the_end_of_the_step(zero_grad):
    programme = Programme()
    step = programme.step

    def step_and_clear():
        step()
        zero_grad(programme)

    programme.step = step_and_clear
    assert programme.stale() == [0, 0, 0]


def test_without_zero_grad_the_stale_part_is_what_was_there_before_backward():
    programme = Programme()
    first, *later = programme.stale()
    assert first == 0
    assert min(later) > 0
    assert later == pytest.approx([rms(left) for left in programme.left[1:]], rel=1e-6)


def test_clearing_the_gradients_of_only_some_parameters_leaves_the_others_stale():
    programme = Programme(lambda p: p.model[2].zero_grad())
    assert programme.stale(name="2.weight") == [0, 0, 0]
    assert min(Programme(lambda p: p.model[2].zero_grad()).stale()[1:]) > 0


@pytest.mark.parametrize("zero_grad", [clear, fill_with_zeros])
def test_accumulation_over_micro_batches_is_not_stale(zero_grad):
    def two_more(programme):
        programme.backward()
        programme.backward()

    trace_of = Programme(zero_grad, two_more)
    trace = record(trace_of.step, trace_of.model, [trace_of.optimizer], 3)
    last = {s.step: s.parameter("0.weight") for s in trace.snapshots if s.parameters}
    assert [p.stale_gradient_rms for p in last.values()] == [0, 0, 0]


def test_accumulation_that_is_never_cleared_is_stale():
    programme = Programme(after=Programme.backward)
    trace = record(programme.step, programme.model, [programme.optimizer], 3)
    read = [s.parameter("0.weight") for s in trace.snapshots if s.parameters]
    assert read[0].stale_gradient_rms == 0
    expected = [rms(left) / 2 for left in programme.left[2::2]]  # the mean over micro-batches
    assert [p.stale_gradient_rms for p in read[1:]] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("zero_grad", [clear, fill_with_zeros])
def test_a_zero_grad_after_a_first_pass_that_was_thrown_away_is_seen(zero_grad):
    def again(programme):
        zero_grad(programme)
        programme.backward()

    programme = Programme(after=again)
    trace = record(programme.step, programme.model, [programme.optimizer], 3)
    read = [s.parameter("0.weight") for s in trace.snapshots if s.parameters]
    assert [p.stale_gradient_rms for p in read] == [0, 0, 0]
    assert read[-1].gradient_rms == pytest.approx(rms(programme.model[0].weight.grad), rel=1e-5)


class Gan:
    """Critic and generator in either order; the generator's loss reaches the critic's weights."""

    def __init__(self, critic_first, zero_grad):
        torch.manual_seed(0)
        self.made, self.critic = nn.Linear(2, 3), nn.Linear(3, 1)
        nets = [self.critic, self.made]
        self.optimizers = [torch.optim.SGD(net.parameters(), 0.01) for net in nets]
        self.turns = [self.train_critic, self.train_generator]
        self.turns = self.turns if critic_first else self.turns[::-1]
        self.zero_grad = zero_grad

    def train_critic(self):
        self.zero_grad(self.optimizers[0])
        real, fake = torch.randn(5, 3), self.made(torch.randn(5, 2)).detach()
        (self.critic(real).mean() - self.critic(fake).square().mean()).backward()
        self.optimizers[0].step()

    def train_generator(self):
        self.zero_grad(self.optimizers[1])
        self.critic(self.made(torch.randn(5, 2))).square().mean().backward()
        self.optimizers[1].step()

    def stale(self):
        def step():
            for turn in self.turns:
                turn()

        trace = record(step, nn.ModuleList([self.made, self.critic]), self.optimizers, 3)
        values = {}
        for taken in trace.snapshots:
            for p in taken.parameters:
                values[taken.step, p.name] = p.stale_gradient_rms
        return values


@pytest.mark.parametrize("critic_first", [True, False])
@pytest.mark.parametrize("to_none", [True, False])
def test_a_gan_that_clears_its_gradients_has_no_stale_ones(critic_first, to_none):
    stale = Gan(critic_first, lambda o: o.zero_grad(set_to_none=to_none)).stale()
    assert len(stale) == 3 * 4
    assert set(stale.values()) == {0}


@pytest.mark.parametrize("critic_first", [True, False])
def test_a_gan_that_never_clears_has_stale_gradients(critic_first):
    stale = Gan(critic_first, lambda optimizer: None).stale()
    assert min(value for (step, _), value in stale.items() if step > 0) > 0


def test_clipping_by_norm_does_not_hide_a_missing_zero_grad():
    programme = Programme(after=lambda p: nn.utils.clip_grad_norm_(p.model.parameters(), 0.01))
    first, *later = programme.stale()
    assert first == 0
    assert later == pytest.approx([rms(left) for left in programme.left[1:]], rel=1e-6)


def clip_values(programme):
    nn.utils.clip_grad_value_(programme.model.parameters(), 1e-3)


def test_clipping_every_element_leaves_open_what_is_stale_unless_nothing_was_there():
    first, *later = Programme(after=clip_values).stale()
    assert first == 0
    assert all(map(math.isnan, later))
    assert Programme(clear, clip_values).stale() == [0, 0, 0]


def test_a_closure_that_clears_its_gradients_has_no_stale_ones():
    programme = Programme()
    optimizer = torch.optim.LBFGS(programme.model.parameters(), max_iter=3)

    def closure():
        optimizer.zero_grad()
        loss = F.mse_loss(programme.model(torch.ones(7, 3)), torch.zeros(7, 2))
        loss.backward()
        return loss

    trace = record(lambda: optimizer.step(closure), programme.model, [optimizer], 3)
    read = [s.parameter("0.weight") for s in trace.snapshots if s.parameters]
    assert [p.stale_gradient_rms for p in read] == [0, 0, 0]


def test_parameters_without_a_gradient_have_nothing_stale():
    programme = Programme(clear)
    programme.model.append(nn.Linear(2, 2))
    programme.optimizer.add_param_group({"params": programme.model[3].parameters()})
    programme.backward = lambda: programme.model[:3](torch.randn(7, 3)).sum().backward()
    assert programme.stale(name="3.weight") == [0, 0, 0]


def test_without_an_optimizer_nothing_can_be_said():
    model = nn.Linear(3, 2)
    (taken,) = record(lambda: model(torch.randn(7, 3)).sum().backward(), model).snapshots
    assert math.isnan(taken.parameter("weight").stale_gradient_rms)


def test_a_parameter_no_optimizer_holds_has_no_used_gradient():
    programme = Programme()
    programme.optimizer = torch.optim.SGD(programme.model[2].parameters(), 0.01)
    assert all(map(math.isnan, programme.stale()))


def test_an_optimizer_inside_backward_leaves_it_open():
    programme = Programme()
    optimizers = {p: torch.optim.SGD([p], 0.01) for p in programme.model.parameters()}
    for parameter, optimizer in optimizers.items():
        parameter.register_post_accumulate_grad_hook(lambda p, o=optimizer: o.step())
    trace = record(programme.backward, programme.model, [*optimizers.values()], 3)
    read = [s.parameter("0.weight") for s in trace.snapshots if s.parameters]
    assert all(math.isnan(p.stale_gradient_rms) for p in read)


def test_loss_scaling_is_undone_in_the_stale_part():
    def scaled(programme):
        gradient = programme.model[0].weight.grad
        programme.left.append(None if gradient is None else gradient.clone())
        loss = F.mse_loss(programme.model(torch.randn(7, 3)), torch.randn(7, 2))
        (loss * 64.0).backward()

    programme = Programme()
    programme.backward = lambda: scaled(programme)
    _, *later = programme.stale()
    assert later == pytest.approx([rms(left) / 64 for left in programme.left[1:]], rel=1e-6)


def test_sparse_gradients_are_left_alone():
    model = nn.Embedding(4, 3, sparse=True)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)

    def step():
        model(torch.tensor([0, 2])).square().sum().backward()
        optimizer.step()

    first, second = record(step, model, [optimizer], 2).snapshots
    assert first.parameter("weight").stale_gradient_rms == 0
    assert math.isnan(second.parameter("weight").stale_gradient_rms)
