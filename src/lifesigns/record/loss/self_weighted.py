"""A likelihood that is weighted by a power of the very probability: a focal factor turned round.

`(1 - p)^γ (-log p)` counts what is well classified for less. `p^γ (-log p)` is 0 at p = 0 as well
as at p = 1, and rises with p below e^(-1/γ): there, descent lowers the probability of the target.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import ABOVE, PARTS, PASSING, reached
from lifesigns.record.loss.summands import Term

_GUARDS = PARTS | {"Clamp", "ClampMax", "ClampMin"}
_PICKING = frozenset({"Gather", "Index"})
_LOSSES = frozenset({"BinaryCrossEntropy", "BinaryCrossEntropyWithLogits", "NllLoss", "NllLoss2D"})
"""Torch's losses of each sample, whose exponential is the probability of its target."""
_TO_LOGITS = _GUARDS | _PICKING | _LOSSES | {"Exp", "Log", "LogSoftmax", "Neg", "Softmax"}
"""What lies between a probability of the target, or its logarithm, and the network's output."""
_OF_TARGETS = frozenset({"Add", "Sigmoid", "Where"})
"""What makes a probability of the target without picking: of two classes, by 0 and 1."""


def self_weighted(walked: Walk, terms: Iterable[Term]) -> dict[str, float]:
    """The power of its own probability that a likelihood is weighted by, with a gradient.

    Args:
        walked: The graph of the loss.
        terms: What the loss is a sum of.

    Returns:
        Marks `self_weighted`, the exponent, and `pushed_down`, the share of the probabilities that
        a step of descent lowers; none where there is no such term.
    """
    for i in reached(walked, [term.node for term in terms], ABOVE):
        sides = walked.inputs[i]
        if walked.names[i] != "Mul" or len(sides) != 2 or None in sides:
            continue
        for weight, logs in (sides, sides[::-1]):
            found = _power(walked, weight, logs)
            if found is not None:
                return found
    return {}


def _power(walked: Walk, weight: int | None, logs: int | None) -> dict[str, float] | None:
    power, _ = _down(walked, weight, PASSING | {"Neg", "Mul"})
    if power < 0 or walked.names[power] != "Pow":
        return None
    exponent, base = saved(walked.nodes[power], "exponent"), saved(walked.nodes[power], "self")
    if not isinstance(exponent, int | float) or exponent <= 0 or not isinstance(base, Tensor):
        return None
    origin, _ = _down(walked, walked.inputs[power][0], _TO_LOGITS)
    likely, passed = _down(walked, logs, _TO_LOGITS | {"Mul"})
    if origin != likely or not passed & (_LOSSES | {"Log", "LogSoftmax"}):
        return None
    of_target = likely >= 0 and walked.names[likely] in _OF_TARGETS
    if not (of_target or passed & (_PICKING | _LOSSES)):
        return None
    lowered = (base.detach() < math.exp(-1 / exponent)).float().mean()
    return {"self_weighted": float(exponent), "pushed_down": float(lowered)}


def _down(walked: Walk, i: int | None, through: frozenset[str]) -> tuple[int, set[str]]:
    """The first node that is not of some names, and the names of those that were passed.

    A product is passed only if it is one with data or a number.
    """
    passed: set[str] = set()
    while i is not None and i >= 0 and walked.names[i] in through:
        below = [j for j in walked.inputs[i] if j is not None]
        if len(below) != 1:
            break
        passed.add(walked.names[i])
        i = below[0]
    return -1 - len(walked.leaves) if i is None else i, passed
