"""Whether the backward of a function of the user's own depends on the gradient that arrives."""

import pytest
import torch
from torch import nn
from training_steps import sgd


def function(forward, backward, *, saves=True):
    class Own(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            if saves:
                ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        def backward(ctx, gradient):
            return backward(gradient, *ctx.saved_tensors)

    return Own.apply


def above(x):
    return (x > 0).float()


FUNCTIONS = {
    "ReLU": (torch.relu, lambda g, x: g * above(x), True, 0),
    "ReLU that returns ones": (torch.relu, lambda g, x: above(x), True, 1),
    "square": (torch.square, lambda g, x: 2 * x * g, True, 0),
    "square without the gradient": (torch.square, lambda g, x: 2 * x, True, 1),
    "ones, nothing saved": (torch.relu, torch.ones_like, False, 1),
    "sign, straight through": (torch.sign, lambda g: g, False, 0),
    "quantised, straight through": (lambda x: (8 * x).round() / 8, lambda g, x: g, True, 0),
    "clipped straight through": (torch.sign, lambda g, x: g * (x.abs() < 1), True, 0),
    "reversed": (lambda x: x.view_as(x), lambda g: -g, False, 0),
    "scaled": (lambda x: x.view_as(x), lambda g: 0.01 * g, False, 0),
    "cut off": (lambda x: x.view_as(x), torch.zeros_like, False, 0),
    "signs of the gradient": (lambda x: x.view_as(x), lambda g: g.sign(), False, 0),
    "a penalty beside it": (lambda x: x.view_as(x), lambda g, x: g + 0.1 * x.sign(), True, 0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_backward_that_ignores_its_gradient_is_told(recording, name):
    *formulas, saves, ignoring = FUNCTIONS[name]
    torch.manual_seed(0)
    first, own, last = nn.Linear(6, 20), function(*formulas, saves=saves), nn.Linear(20, 2)
    recorder, optimizer = recording(every=1), sgd(first, last)

    nn.functional.cross_entropy(
        last(own(first(torch.randn(64, 6)))), torch.arange(64) % 2
    ).backward()
    optimizer.step()
    recorder.stop()

    (shot,) = recorder.trace().snapshots
    assert not shot.coverage.failures
    assert shot.loss.details.get("gradients_ignored", 0) == ignoring


def test_hooks_of_saved_tensors_are_not_called_for_a_look(recording):
    unpacked = []
    own = function(torch.relu, lambda g, x: above(x))
    first, last = nn.Linear(6, 20), nn.Linear(20, 2)
    recorder, optimizer = recording(every=1), sgd(first, last)

    def unpack(x):
        unpacked.append(x.shape)
        return x

    h = first(torch.randn(64, 6))
    with torch.autograd.graph.saved_tensors_hooks(lambda x: x, unpack):
        h = own(h)
    last(h).square().mean().backward()
    optimizer.step()
    recorder.stop()

    assert len(unpacked) == 1
