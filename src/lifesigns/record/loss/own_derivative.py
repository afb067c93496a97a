"""Whether what a function of the user's own multiplies a gradient by has the sign of its slope.

Both are seen where the function works element by element: its output is then smooth over the input
that it saved, and so is the ratio of the gradient that it passes on to the one that arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

GROUPS = 64
"""Parts of the elements in order of the input."""
FEWEST, ELEMENTS = 256, 4096
"""Elements of which it can be told, and those that are looked at."""
SMOOTH = 0.05
"""Share of the variance that is left within a group, by the median of all: 0 for a function of what
was ordered."""
CLEAR = 0.2
"""Share of the largest slope, or derivative, from which on its sign is certain."""
SHARE = 0.1
"""Of the groups: a derivative is of the wrong sign for some inputs, and of the right for others."""


@dataclass(frozen=True)
class PendingSigns:
    """Signs of the derivatives of a step's functions, once backward was there."""

    slots: list[int] = field(default_factory=list)

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: functions of which it can be told, those at fault, and how often.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        shares = [share for slot in self.slots if (share := _opposed(arrays[slot])) is not None]
        if not shares:
            return {}
        wrong = [share for share in shares if SHARE <= share <= 1 - SHARE]
        return {
            "own_derivatives": float(len(shares)),
            "wrong_signs": float(len(wrong)),
            "opposed": max(wrong, default=0.0),
        }


def _opposed(numbers: NDArray[np.float64]) -> float | None:
    """In which share of the groups slope and derivative are of opposite signs.

    None where one of them is no function of the input, or too few are clear.
    """
    within, apart = numbers[:2]
    inputs, outputs, derivatives = numbers[2:].reshape(3, GROUPS)
    if not np.isfinite(numbers).all() or within > SMOOTH or apart > SMOOTH:
        return None
    steps = np.diff(inputs)
    if not (steps > 0).all():
        return None
    slopes = np.diff(outputs) / steps
    between = (derivatives[1:] + derivatives[:-1]) / 2
    clear = (_is_clear(slopes) & _is_clear(between)).nonzero()[0]
    if len(clear) < GROUPS * SHARE:
        return None
    return float((slopes[clear] * between[clear] < 0).mean())


def _is_clear(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    sizes = np.abs(values)
    clear: NDArray[np.bool_] = (sizes > CLEAR * sizes.max()) & (sizes > 0)
    return clear


def sign_hook(
    pack: Pack, found: PendingSigns, order: Tensor | None, value: Tensor | None
) -> Callable[..., None] | None:
    """A hook that compares the slope of a function with the derivative of its backward.

    Args:
        pack: Where the numbers wait for the copy.
        found: Where its slot is kept.
        order: The input that it saved.
        value: What it made of that.

    Returns:
        None where one of the two is not known, or they are not of one shape.
    """
    if order is None or value is None or order.shape != value.shape or order.numel() < FEWEST:
        return None
    if not order.is_floating_point() or not value.is_floating_point():
        return None
    apart = -(-order.numel() // ELEMENTS)
    length = len(range(0, order.numel(), apart)) // GROUPS * GROUPS
    inputs, outputs = (_some(values, apart)[:length] for values in (order, value))
    places = inputs.argsort()
    inputs, outputs = inputs[places], outputs[places]

    def hook(passed: tuple[Any, ...], arrived: tuple[Any, ...]) -> None:
        gradient, first = (next(iter(given), None) for given in (arrived, passed))
        if gradient is None or first is None or inputs.device != gradient.device:
            return
        if not gradient.shape == first.shape == order.shape:
            return
        if is_readable(gradient) and is_readable(first):
            given, on = (_some(values, apart)[:length][places] for values in (gradient, first))
            found.slots.append(pack.add(_by_groups(inputs, outputs, given, on)))

    return hook


def _some(values: Tensor, apart: int) -> Tensor:
    return values.detach().reshape(-1)[::apart].float()


def _by_groups(inputs: Tensor, outputs: Tensor, given: Tensor, on: Tensor) -> Tensor:
    """What is left within groups of the outputs and of the ratios, and the means of each group."""
    x, y, g, p = (values.reshape(GROUPS, -1) for values in (inputs, outputs, given, on))
    products, squares = (g * p).sum(1), g.square().sum(1)
    ratios = torch.where(squares > 0, products / squares, 0.0)
    rest = (p - ratios[:, None] * g).square().sum(1).median() / p.square().sum(1).median()
    within = y.var(1, correction=0).median() / y.var(correction=0)
    return torch.cat([torch.stack([within, rest]), x.mean(1), y.mean(1), ratios])
