"""Whether the derivative of a function of the user's own has the sign of its slope."""

import pytest
import torch
from test_own_backward import function
from torch import nn
from training_steps import sgd


def halves(x):
    return torch.where(x > 0, 1.0, -1.0)


FUNCTIONS = {
    "softsign": (lambda x: x / (1 + x.abs()), lambda g, x: g / (1 + x.abs()) ** 2, 0),
    "softsign, wrong below 0": (
        lambda x: x / (1 + x.abs()),
        lambda g, x: g * x.sign() / (1 + x.abs()) ** 2,
        1,
    ),
    "square": (torch.square, lambda g, x: 2 * x * g, 0),
    "square, never negative": (torch.square, lambda g, x: 2 * x.abs() * g, 1),
    "sine": (torch.sin, lambda g, x: x.cos() * g, 0),
    "reversed": (torch.tanh, lambda g, x: -g / x.cosh() ** 2, 0),
    "sign, straight through": (halves, lambda g, x: g, 0),
    "quantised, straight through": (lambda x: (8 * x).round() / 8, lambda g, x: g, 0),
    "a surrogate of a spike": (lambda x: (x > 0.1).float(), lambda g, x: g / (1 + x.abs()), 0),
    "cut off above": (lambda x: x.clamp(max=0.2), lambda g, x: g * (x < 0.2), 0),
    "not by element": (
        lambda x: x.softmax(-1),
        lambda g, x: x.softmax(-1) * (g - (g * x.softmax(-1)).sum(-1, keepdim=True)),
        0,
    ),
    "noisy": (lambda x: x + torch.randn_like(x), lambda g, x: g, 0),
}

UNTOLD = ("sign, straight through", "a surrogate of a spike", "not by element", "noisy")
"""Those with no slope, and those that are no functions of their input, element by element."""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_derivative_of_the_wrong_sign_is_told(recording, name):
    *formulas, wrong = FUNCTIONS[name]
    torch.manual_seed(0)
    first, own, last = nn.Linear(6, 20), function(*formulas), nn.Linear(20, 2)
    recorder, optimizer = recording(every=1), sgd(first, last)

    nn.functional.cross_entropy(
        last(own(first(2 * torch.randn(64, 6)))), torch.arange(64) % 2
    ).backward()
    optimizer.step()
    recorder.stop()

    (shot,) = recorder.trace().snapshots
    assert not shot.coverage.failures
    assert shot.loss.details.get("wrong_signs", 0) == wrong
    told = name not in UNTOLD
    assert ("own_derivatives" in shot.loss.details) == told


def test_what_the_next_function_of_the_users_own_keeps_tells_too(recording):
    softsign, wrong = (FUNCTIONS[name] for name in ("softsign", "softsign, wrong below 0"))
    torch.manual_seed(0)
    first, last = nn.Linear(6, 20), nn.Linear(20, 2)
    inner, outer = function(*wrong[:2]), function(*softsign[:2])
    recorder, optimizer = recording(every=1), sgd(first, last)

    answer = last(outer(inner(first(2 * torch.randn(64, 6)))))
    nn.functional.cross_entropy(answer, torch.arange(64) % 2).backward()
    optimizer.step()
    recorder.stop()

    (shot,) = recorder.trace().snapshots
    assert (shot.loss.details["own_derivatives"], shot.loss.details["wrong_signs"]) == (2, 1)
