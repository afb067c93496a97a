"""The ratios that the loss of a policy makes of probabilities, and what weighs their logarithms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.operations import LINEAR_MAPS
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.composed import data_factor
from lifesigns.record.loss.sources import PASSING, source
from lifesigns.record.loss.summands import PICKING, Term, parts_of
from lifesigns.record.measure.reduce import Pack

_CLIPPED = PASSING | {"Clamp", "ClampMax", "ClampMin"}
_WEIGHED = _CLIPPED | {"Neg", "Sum"}
_COSTS = frozenset({"NllLoss", "BinaryCrossEntropy", "BinaryCrossEntropyWithLogits"})
"""Torch's losses of each sample: minus the logarithm of a probability."""


class PendingRatio(NamedTuple):
    """A quotient of the old probability and the new one, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> Mapping[str, float]:
        """The detail of a loss: how many probabilities are divided the wrong way round.

        None where the weights have one sign, or the quotients are nowhere near 1: those are
        weights of another kind.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        lowest, highest, ratio, count = arrays[self.slot]
        near = 0.5 < ratio < 2
        return {"inverted_ratios": float(count)} if lowest < 0 < highest and near else {}


def inverted_ratio(pack: Pack, walked: Walk) -> PendingRatio | None:
    """A ratio `exp(old - new)` of probabilities that advantages are multiplied with.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.

    Returns:
        None where there is none, or where it cannot be told what the exponential is taken of.
    """
    for i, name in enumerate(walked.names):
        if name != "Exp" or (difference := _difference(walked, i)) is None:
            continue
        weights = next(weights_on(walked, i), None)
        ratio = saved(walked.nodes[i], "result") if weights is not None else None
        if weights is None or not isinstance(ratio, Tensor) or sign_of(walked, difference) >= 0:
            continue
        numbers = [weights.min(), weights.max(), ratio.detach().median()]
        count = torch.full_like(numbers[0], ratio.numel())
        return PendingRatio(pack.add(torch.stack([n.float() for n in (*numbers, count)])))
    return None


def unheld_actions(walked: Walk, noted: Mapping[int, int]) -> dict[str, float]:
    """Log-probabilities of actions that nobody took, and that are weighed with data all the same.

    Args:
        walked: The graph of the loss.
        noted: How many log-probabilities of unheld samples there are, by the sequence number of the
            node that made them.

    Returns:
        The mark `unheld_actions`, how many there are; none where there are none.
    """
    if not noted:
        return {}
    counts = (
        noted[int(number)]
        for i, number in enumerate(walked.numbers)
        if number in noted and next(weights_on(walked, i, _WEIGHED), None) is not None
    )
    total = sum(counts)
    return {"unheld_actions": float(total)} if total else {}


def raw_output(walked: Walk, terms: Iterable[Term]) -> Mapping[str, float]:
    """Whether the loss is what a network puts out, no more: a score, as its critic gives it.

    Args:
        walked: The graph of the loss.
        terms: What it is a sum of.

    Returns:
        The mark `raw_output`, the sign with which the output is minimised; none where the loss is
        anything else.
    """
    found = list(terms)
    is_one = len(found) == 1 and found[0].node >= 0
    at = found[0].node if is_one and walked.names[found[0].node] in LINEAR_MAPS else None
    return {} if at is None else {"raw_output": math.copysign(1.0, found[0].factor)}


def sign_of(walked: Walk, i: int) -> int:
    """The sign with which a log-probability goes into a value that is a sum.

    Args:
        walked: The graph of the loss.
        i: Index of the value's node.

    Returns:
        1 or -1; 0 where there is none that is known, or both signs occur. A square is taken for the
        exponent of a normal distribution.
    """
    signs, stack = set[int](), [(i, 1.0)]
    while stack:
        at, factor = stack.pop()
        if at < 0:
            continue
        name, inputs = walked.names[at], walked.inputs[at]
        if name in _COSTS or (name == "Pow" and saved(walked.nodes[at], "exponent") == 2):
            signs.add(-1 if factor > 0 else 1)
        elif name in PICKING or name == "Log":
            signs |= {1 if factor > 0 else -1} if _is_log_probability(walked, at) else set()
        elif name in _CLIPPED or name == "Div":
            stack += [(j, factor) for j in inputs[:1] if j is not None]
        else:
            stack += parts_of(walked, at, factor) or ()
    return signs.pop() if len(signs) == 1 else 0


def weights_on(walked: Walk, i: int, through: frozenset[str] = _CLIPPED) -> Iterator[Tensor]:
    """What a value is multiplied by, as it is or clipped, if that is data of the same size.

    Args:
        walked: The graph of the loss.
        i: Index of the value's node.
        through: Names of the nodes that may stand between the two.
    """
    queue = [i]
    while queue:
        for above in walked.readers.get(queue.pop(), ()):
            if walked.names[above] in through:
                queue.append(above)
            elif (known := data_factor(walked, above)) is not None and known[0].numel() > 1:
                yield known[0]


def _is_log_probability(walked: Walk, i: int) -> bool:
    """Whether the logarithm of a probability was picked, or that of a picked one was taken."""
    below = source(walked, i, _CLIPPED)
    if below is None:
        return False
    if walked.names[i] == "Log":
        return walked.names[below] in PICKING
    if walked.names[below] == "Sub":
        normaliser = walked.inputs[below][1]
        return (
            normaliser is not None and normaliser >= 0 and "Logsumexp" in walked.names[normaliser]
        )
    return walked.names[below] in ("Log", "LogSoftmax")


def _difference(walked: Walk, i: int) -> int | None:
    """The difference with data that an exponential is taken of; None if there is none."""
    at = source(walked, i, _CLIPPED | {"Neg", "Sum"})
    is_one = at is not None and walked.names[at] in ("Add", "Sub", "Rsub")
    has_data = at is not None and walked.inputs[at].count(None) == 1
    below = next((j for j in walked.inputs[i] if j is not None), None)
    return below if is_one and has_data else None
