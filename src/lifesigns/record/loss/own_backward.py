"""Whether what a function of the user's own passes back depends on the gradient that arrives.

By the chain rule an element of the gradient that is passed on is the one that arrived times a
derivative, which is a function of the input. Two elements with nearly the same input have nearly
the same derivative: what they pass on differs as what arrives does. Where it is the same whatever
arrives, the gradient of all that lies behind is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, goes_through_hooks
from lifesigns.record.loss.comparison import PendingMarks
from lifesigns.record.loss.own_derivative import PendingSigns, sign_hook
from lifesigns.record.loss.values import value_of
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

MOST = 16
"""Functions that are looked at in one step."""
FEWEST, ELEMENTS = 256, 4096
"""Elements of which it can be told, and those that are looked at."""
SMOOTH = 0.05
"""Half the mean squared difference of neighbours over the variance: 1 for what is unrelated to the
order, near 0 for a function of what was put in order."""
NOISY = 0.5
"""The same of a gradient that arrives, from which on the order says nothing of it."""
UNRELATED = 0.2
"""Correlation of the differences of what arrives and what is passed on: chance is below 3/√256."""
BOTH = 0.2
"""Share of the elements with the rarer sign."""

Hook = Callable[..., None]
Watching = tuple[int, PendingMarks, Hook]
"""A node, what its hook will have found, and the hook."""


@dataclass(frozen=True)
class PendingBackwards:
    """What the functions of a step pass on, once backward was there."""

    slots: list[int] = field(default_factory=list)

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: functions of which it can be told, and those that ignore a gradient.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        ignores = [
            passed < SMOOTH and abs(related) < UNRELATED
            for arrived, passed, related, fewer, any_passed in map(arrays.__getitem__, self.slots)
            if any_passed and arrived > NOISY and fewer > BOTH
        ]
        if not ignores:
            return {}
        return {"own_backwards": float(len(ignores)), "gradients_ignored": float(sum(ignores))}


def own_backwards(pack: Pack, walked: Walk) -> list[Watching]:
    """The nodes of `torch.autograd.Function`s that were written in Python, with a hook for each.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.
    """
    found, signs, watching = PendingBackwards(), PendingSigns(), list[Watching]()
    for i in walked.own_functions[:MOST]:
        kept = _saved(walked.nodes[i])
        watching.append((i, found, _hook(pack, found, kept)))
        order = next((t for t in kept if tuple(t.shape) == walked.shape(i)), None)
        value = None if order is None else _value(walked, i)
        if (hook := sign_hook(pack, signs, order, value)) is not None:
            watching.append((i, signs, hook))
    return watching


def _value(walked: Walk, i: int) -> Tensor | None:
    """What a function made, as torch's operations or the user's next function keep it."""
    known = value_of(walked, i, None)
    if known is not None:
        return known
    own = [walked.nodes[j] for j in walked.readers.get(i, ()) if j in walked.own_functions]
    kept = (t for node in own for t in _saved(node) if t.grad_fn is walked.nodes[i])
    return next((t.detach() for t in kept), None)


def _hook(pack: Pack, found: PendingBackwards, kept: list[Tensor]) -> Hook:
    def hook(passed: tuple[Any, ...], arrived: tuple[Any, ...]) -> None:
        gradient, first = (next(iter(given), None) for given in (arrived, passed))
        if gradient is None or first is None or gradient.shape != first.shape:
            return
        if gradient.numel() < FEWEST or not (is_readable(gradient) and is_readable(first)):
            return
        order = next((t for t in kept if t.shape == first.shape), None)
        found.slots.append(pack.add(_compared(gradient, first, order)))

    return hook


def _compared(arrived: Tensor, passed: Tensor, order: Tensor | None) -> Tensor:
    """How both gradients follow the order, how their differences go together, and two shares."""
    apart = -(-arrived.numel() // ELEMENTS)
    given, on = (t.detach().reshape(-1)[::apart].float() for t in (arrived, passed))
    if order is not None:
        places = order.detach().reshape(-1)[::apart].argsort()
        given, on = given[places], on[places]
    steps, steps_on = given.diff(), on.diff()
    products = (steps * steps_on).sum(), steps.square().sum() * steps_on.square().sum()
    related = torch.where(products[1] > 0, products[0] / products[1].sqrt(), 0.0)
    signs = torch.stack([(given > 0).float().mean(), (given < 0).float().mean()])
    any_passed = on.any().float()
    return torch.stack([_unevenness(given), _unevenness(on), related, signs.amin(), any_passed])


def _unevenness(values: Tensor) -> Tensor:
    """Half the mean squared difference of neighbours over the variance; 0 if all are the same."""
    variance = values.var(correction=0)
    return torch.where(variance > 0, values.diff().square().mean() / (2 * variance), 0.0)


def _saved(node: Any) -> list[Tensor]:
    """What a function has saved for its backward pass, unless that is hooked or gone."""
    try:
        if goes_through_hooks(node._raw_saved_tensors):
            return []
        saved = node.saved_tensors
    except (RuntimeError, AttributeError):  # freed, or modified in place since
        return []
    return [t for t in saved if isinstance(t, Tensor) and is_readable(t)]
