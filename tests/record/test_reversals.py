"""Whether every loss of a step reaches some weights through a gradient reversal."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from training_steps import sgd


def function(by, forward=lambda x: x.view_as(x)):
    class Reversal(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return forward(x)

        @staticmethod
        def backward(ctx, gradient):
            return by * gradient

    return Reversal.apply


reverse, scale = function(-0.3), function(0.3)
ENCODER = 6 * 8 + 8 + 8 * 20 + 20
ALL = ENCODER + 20 * 5 + 5 + 20 + 1


class Network(nn.Module):
    """An encoder, the head of a task with five classes, and one that tells two domains apart."""

    def __init__(self, forward, last=nn.Identity):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 20), last())
        self.task, self.domain = nn.Linear(20, 5), nn.Linear(20, 1)
        self.heads = forward

    def forward(self, x):
        return self.heads(self, self.encoder(x))


def losses(out, n=16):
    logits, domain = out
    target = torch.arange(n) % 5
    origin = (torch.arange(len(domain)) < n).float()
    return (
        F.cross_entropy(logits[:n], target),
        F.binary_cross_entropy_with_logits(domain.squeeze(1), origin),
    )


def both(self, h):
    h = reverse(h)
    return self.task(h), self.domain(h)


def apart(self, h):
    return self.task(reverse(h)), self.domain(reverse(h))


def thrice(self, h):
    h = reverse(reverse(reverse(h)))
    return self.task(h), self.domain(h)


def domain_alone(self, h):
    return self.task(h), self.domain(reverse(h))


def twice_for_the_task(self, h):
    h = reverse(h)
    return self.task(reverse(h)), self.domain(h)


def scaled(self, h):
    h = scale(h)
    return self.task(h), self.domain(h)


def details(recording, network, step=lambda out: sum(losses(out)).backward()):
    recorder, optimizer = recording(every=1), sgd(network)
    step(network(torch.randn(32, 6)))
    optimizer.step()
    recorder.stop()
    shots = recorder.trace().snapshots
    assert not any(shot.coverage.failures for shot in shots)
    return [shot.loss.details for shot in shots]


@pytest.mark.parametrize("heads", [both, apart, thrice])
def test_weights_in_front_of_reversals_alone_are_counted(recording, heads):
    (found,) = details(recording, Network(heads))

    assert found["reversed_weights"] == ENCODER
    assert found["weights_reached"] == ALL
    assert found["reversed_losses"] == 2
    assert found["reversed_by"] == pytest.approx(-0.3, rel=1e-3)


@pytest.mark.parametrize("heads", [domain_alone, twice_for_the_task])
def test_weights_that_a_loss_reaches_by_another_way_are_not(recording, heads):
    (found,) = details(recording, Network(heads))

    assert found["reversed_weights"] == found["reversed_losses"] == 0


def test_a_gradient_that_is_scaled_is_not_turned(recording):
    (found,) = details(recording, Network(scaled))

    assert "reversals" not in found


@pytest.mark.parametrize(
    ("forward", "last", "told"),
    [
        (torch.clone, nn.Identity, True),
        (torch.clone, nn.Tanh, True),
        (lambda x: x * 1.0, nn.ReLU, True),
        (lambda x: x, nn.ReLU, True),
        (torch.neg, nn.Identity, False),
        (torch.neg, nn.Tanh, False),
        (torch.tanh, nn.ReLU, False),
    ],
)
def test_what_changes_its_input_is_no_reversal(recording, forward, last, told):
    own = function(-0.3, forward)

    def heads(self, h):
        h = own(h)
        return self.task(h), self.domain(h)

    (found,) = details(recording, Network(heads, last))

    assert ("reversals" in found) is told


class Copying(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return -ctx.factor * gradient, None


class Doubling(Copying):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return x + x


@pytest.mark.parametrize(("own", "told"), [(Copying, True), (Doubling, False)])
def test_where_nothing_keeps_the_input_the_code_tells_a_mere_copy(recording, own, told):
    def heads(self, h):
        h = own.apply(h, 0.5)
        return self.task(h), self.domain(h)

    (found,) = details(recording, Network(heads, lambda: nn.Dropout(0.2)))

    assert found.get("reversed_weights") == (ENCODER if told else None)


def test_a_loss_that_is_raised_is_turned_back(recording):
    def step(out):
        task, domain = losses(out)
        (domain - task).backward()

    (found,) = details(recording, Network(both), step)

    assert found["reversed_weights"] == 0


def test_each_pass_of_a_step_counts_what_it_reaches(recording):
    def step(out):
        task, domain = losses(out)
        task.backward(retain_graph=True)
        domain.backward()

    first, second = details(recording, Network(domain_alone), step)

    assert "reversals" not in first
    assert second["reversed_weights"] == ENCODER
    assert second["reversed_losses"] == 1


def test_two_critics_of_one_form_are_one_loss(recording):
    def heads(self, h):
        h = reverse(h)
        return self.domain(h), self.domain(2 * h)

    def step(out):
        ones = (torch.arange(32) < 16).float()[:, None]
        sum(F.binary_cross_entropy_with_logits(one, ones) for one in out).backward()

    (found,) = details(recording, Network(heads), step)

    assert found["reversed_losses"] == 1


def test_a_factor_of_zero_is_silent(recording):
    silent = function(0.0)

    def heads(self, h):
        h = silent(h)
        return self.task(h), self.domain(h)

    (found,) = details(recording, Network(heads))

    assert found["reversals_silent"] == 1
    assert "reversals" not in found


def test_tiny_gradients_are_compared(recording):
    def step(out):
        (1e-25 * sum(losses(out))).backward()

    (found,) = details(recording, Network(both), step)

    assert found["reversed_by"] == pytest.approx(-0.3, rel=1e-3)


def test_hooks_of_saved_tensors_are_not_called_for_a_look(recording):
    unpacked = []

    def unpack(x):
        unpacked.append(x.shape)
        return x

    network = Network(both)
    x = torch.randn(32, 6)
    recorder, optimizer = recording(every=1), sgd(network)
    with torch.autograd.graph.saved_tensors_hooks(lambda x: x, unpack):
        out = network(x)
    before = sum(losses(out))
    before.backward()
    optimizer.step()
    recorder.stop()

    (shot,) = recorder.trace().snapshots
    assert "reversals" not in shot.loss.details
