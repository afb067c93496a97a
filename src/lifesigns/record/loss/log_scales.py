"""Logarithms of scales that a loss adds with the sign of the scale: both are least at a scale of 0.

If data are multiplied by v before they are squared, a likelihood holds log v against the square:
`(v x)² / 2 - log v`, with the log-determinant of a flow. For v that divides, it is `+ log v`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.composed import data_factor
from lifesigns.record.loss.sources import PASSING, leading_to, numel
from lifesigns.record.loss.summands import BUILT_IN, data_divisor, parts_of
from lifesigns.record.measure.reduce import Pack

ENOUGH = 0.5
"""Share of a likelihood's own logarithm from which on it is one, and no penalty on a scale."""
MOST_NODES = 4096
_GUARDS = PASSING | {"Abs", "Clamp", "ClampMax", "ClampMin"}
_REPEATABLE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("Exp", "Sigmoid", "Tanh"), ()),
    "Select": ("dim", "index"),
    "Slice": ("dim", "start", "end", "step"),
    "Split": ("dim", "split_size"),
}
"""What is often computed twice, for the scale and for its logarithm, and by which numbers."""
_POWERS = {"Reciprocal": -1.0, "Rsqrt": -0.5, "Sqrt": 0.5}
_SPREADING = frozenset({"Add", "Expand", "Rsub", "Sub"})
"""What gives each element of a sum as often as the other is large."""
_SIZES = frozenset({"Abs", "Exp", "Softplus", *BUILT_IN})
"""Operations whose results are not below 0."""

Output = tuple[int, int]
"""A node, or a leaf, and which of its outputs."""


class PendingScales(NamedTuple):
    """The scales of such logarithms, still on the device."""

    slot: int
    turned: int
    all: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss: how many of its scales are turned, and what they multiply by.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        mean = float(arrays[self.slot][0])
        return {"turned_scales": self.turned, "scales": self.all, "scaled_by": mean}


class _Candidate(NamedTuple):
    """What may be a scale."""

    node: int
    """That of the exponential, or of the logarithm."""
    made: Output
    power: float
    """That of the value in the logarithm."""


class _Scale(NamedTuple):
    """A value whose logarithm is a summand of the loss."""

    made: Output
    factor: float
    """What its logarithm is multiplied by."""
    log: Tensor | None
    """Its logarithm, if that can be read."""


class _Use(NamedTuple):
    """Where a scale multiplies something."""

    node: int
    power: float
    """To which power: below 0 if it divides."""


class _Size(NamedTuple):
    """A summand of the loss that is of one sign."""

    factor: float
    """What its size is multiplied by: below 0 if a larger one lowers the loss."""
    made_of: set[int]
    """All nodes that lead to it."""


def log_scales(pack: Pack, walked: Walk) -> PendingScales | None:
    """Scales whose logarithm a loss adds with the sign of the sizes that they multiply.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.

    Returns:
        None where there are none: each size is held by its logarithm, or there is no logarithm.
    """
    candidates = list(_candidates(walked))
    if not candidates:
        return None
    first = _first_of_each(walked)
    factors = _summands(walked, first)
    scales = list(_scales(walked, candidates, factors, first))
    sizes = list(_sizes(walked, factors)) if scales else []
    verdicts = [(scale, _turned(walked, scale, sizes)) for scale in scales]
    turned = [(scale, power) for scale, power in verdicts if power]
    known = [scale.log.float().mean() * p for scale, p in turned if scale.log is not None]
    if not known:
        return None
    judged = sum(power is not None for _, power in verdicts)
    return PendingScales(pack.add(torch.stack(known).mean()), len(turned), judged)


def adds_log_scales(walked: Walk) -> bool:
    """Whether a loss adds the logarithm of a scale, as the log-determinant of a flow.

    Args:
        walked: The graph of the loss.
    """
    first = _first_of_each(walked)
    factors = _summands(walked, first)
    return any(True for _ in _scales(walked, list(_candidates(walked)), factors, first))


def added_logarithms(walked: Walk) -> set[int]:
    """Nodes that take a logarithm which is a summand of the loss.

    Args:
        walked: The graph of the loss.
    """
    factors = _summands(walked, _first_of_each(walked))
    return {i for (i, _), factor in factors.items() if factor and walked.names[i] == "Log"}


def may_scale(walked: Walk) -> bool:
    """Whether an exponential, or a value whose logarithm is taken, multiplies or divides something.

    Args:
        walked: The graph of the loss.
    """
    return any(True for _ in _candidates(walked))


def scales_in_turn(walked: Walk, fixed: AbstractSet[int]) -> bool:
    """Whether a scale is computed of what another one multiplied, as by the layers of a flow.

    Args:
        walked: The graph of the loss.
        fixed: Nodes that depend on parameters alone: their scales are the same for all samples.
    """
    made = {candidate.made[0] for candidate in _candidates(walked)} - fixed
    made = {i for i in made if i >= 0}
    return any(len(leading_to(walked, [i]) & made) > 1 for i in made)


def _first_of_each(walked: Walk) -> dict[int, int]:
    """Of nodes that compute the same of the same the first, for each of them."""
    known: dict[tuple[object, ...], int] = {}
    first: dict[int, int] = {}
    for i, name in enumerate(walked.names):
        if name in _REPEATABLE:
            made_of = [(first.get(j, j), number) for j, number in _given(walked, i)]
            constants = [saved(walked.nodes[i], word) for word in _REPEATABLE[name]]
            first[i] = known.setdefault((name, *made_of, *constants), i)
    return first


def _summands(walked: Walk, first: dict[int, int]) -> dict[Output, float]:
    """All values that are added up to the loss, sums of others too, and the derivative by each."""
    factors: dict[Output, float] = {(root, 0): 1.0 for root in walked.roots}
    waiting = [(-i, number) for i, number in factors]
    done = set[Output]()
    while waiting and len(done) < MOST_NODES:
        negative, number = heapq.heappop(waiting)
        at = -negative, number
        if at in done:
            continue
        done.add(at)
        for (i, number), factor in _parts(walked, at[0], factors[at]):
            below = first.get(i, i), number
            factors[below] = factors.get(below, 0.0) + factor
            heapq.heappush(waiting, (-below[0], number))
    return factors


def _parts(walked: Walk, i: int, factor: float) -> list[tuple[Output, float]]:
    """What a sum is made of, or a product with data that are not below 0: a mask, weights."""
    if i < 0:
        return []
    parts = parts_of(walked, i, factor)
    product = None if parts else data_factor(walked, i) or data_divisor(walked, i)
    if product is not None and product[0].numel() and not product[0].is_complex():
        least, most = torch.stack(product[0].float().aminmax()).tolist()
        parts = [(product[1], factor * most)] if least >= 0 else None
    each = zip(_given(walked, i), parts or (), strict=False)
    spread = walked.names[i] in _SPREADING
    return [(at, c * _share(walked, i, at[0]) if spread else c) for at, (_, c) in each]


def _share(walked: Walk, i: int, part: int) -> float:
    """How many elements a node makes of each that it reads."""
    shape = walked.shape(part) if part >= 0 else walked.leaf_shape(-1 - part)
    return numel(walked.shape(i)) / max(numel(shape), 1)


def _given(walked: Walk, i: int) -> list[Output]:
    """What a node reads that has a gradient."""
    numbers = (number for _, number in walked.nodes[i].next_functions)
    return [(j, n) for j, n in zip(walked.inputs[i], numbers, strict=True) if j is not None]


def _candidates(walked: Walk) -> Iterator[_Candidate]:
    """Exponentials, and values whose logarithm is taken, that multiply or divide something."""
    for i, name in enumerate(walked.names):
        made = ((i, 0), 1.0) if name == "Exp" else None
        made = _below_log(walked, i) if name == "Log" else made
        if made is not None and any(True for _ in _uses(walked, made[0])):
            yield _Candidate(i, *made)


def _scales(
    walked: Walk,
    candidates: list[_Candidate],
    factors: dict[Output, float],
    first: dict[int, int],
) -> Iterator[_Scale]:
    """Exponentials whose argument is a summand of the loss, and values whose logarithm is one."""
    for i, made, power in candidates:
        if walked.names[i] == "Log" and (factor := factors.get((i, 0))):
            yield _Scale(made, factor * power, _logarithm(walked, i, "self"))
        elif walked.names[i] == "Exp" and (found := _argument(walked, i, factors, first)):
            yield _Scale(made, found, _logarithm(walked, i, "result"))


def _logarithm(walked: Walk, i: int, word: str) -> Tensor | None:
    value = saved(walked.nodes[i], word)
    return value.detach().log() if isinstance(value, Tensor) and not value.is_complex() else None


def _argument(walked: Walk, i: int, factors: dict[Output, float], first: dict[int, int]) -> float:
    """The derivative of the loss by an argument that it also adds up; 0 if it adds up none."""
    slope = 1.0
    while i >= 0 and len(given := _given(walked, i)) == 1:
        i, number = given[0]
        if factor := factors.get((first.get(i, i), number)):
            return factor / slope
        parts = parts_of(walked, i, 1.0) if i >= 0 and walked.names[i] != "Mean" else None
        if not parts or len(parts) > 1 or not parts[0][1]:
            return 0.0
        slope *= parts[0][1]
    return 0.0


def _below_log(walked: Walk, i: int) -> tuple[Output, float] | None:
    """The value whose logarithm is taken, without numbers and powers, and its power."""
    power = 1.0
    at = _given(walked, i)
    while len(at) == 1 and at[0][0] >= 0:
        if (step := _power(walked, at[0][0])) is None:
            return at[0], power
        power *= step
        at = _given(walked, at[0][0])
    return None


def _power(walked: Walk, i: int) -> float | None:
    """To which power a node takes what it reads, times a number; None for any other node."""
    name = walked.names[i]
    if name in _GUARDS:
        return 1.0
    if name == "Pow":
        exponent = saved(walked.nodes[i], "exponent")
        return float(exponent) if isinstance(exponent, int | float) else None
    if name in ("Mul", "Div", "Neg") and len(parts_of(walked, i, 1.0) or ()) == 1:
        return 1.0
    return _POWERS.get(name)


def _turned(walked: Walk, scale: _Scale, sizes: list[_Size]) -> float | None:
    """To which power a scale multiplies data, if its logarithm has the sign of their size.

    Returns:
        0 if it has the other sign, or is too little to be that of a likelihood; None where it
        multiplies nothing whose size is part of the loss, or one thing and divides another.
    """
    uses = list(_uses(walked, scale.made))
    nodes = {use.node for use in uses}
    held = [size.factor for size in sizes if not nodes.isdisjoint(size.made_of)]
    signs = {np.sign(use.power * factor) for use in uses for factor in held}
    if len(signs) != 1:
        return None
    expected = max(abs(use.power) * _share(walked, use.node, scale.made[0]) for use in uses)
    enough = abs(scale.factor) >= ENOUGH * expected * max(map(abs, held))
    return uses[0].power if enough and signs == {np.sign(scale.factor)} else 0.0


def _uses(walked: Walk, made: Output) -> Iterator[_Use]:
    """Products and quotients that a value is a factor of, times numbers and to any power."""
    waiting = [(made, 1.0)]
    while waiting:
        at, power = waiting.pop()
        for later in walked.readers.get(at[0], ()):
            if at not in _given(walked, later):
                continue
            if (step := _power(walked, later)) is not None:
                waiting.append(((later, 0), power * step))
            elif walked.names[later] in ("Mul", "Div"):
                divides = walked.names[later] == "Div" and walked.inputs[later][0] != at[0]
                yield _Use(later, -power if divides else power)


def _sizes(walked: Walk, factors: dict[Output, float]) -> Iterator[_Size]:
    """What is added to the loss and is of one sign: squares, sizes, and their products."""
    for (i, _), factor in factors.items():
        if i >= 0 and (sign := factor * _sign(walked, i)) and not _parts(walked, i, 1.0):
            yield _Size(sign, leading_to(walked, [i]))


def _sign(walked: Walk, i: int | None) -> int:
    """1 for what is never below 0, -1 for what is never above it, 0 where that is not known."""
    if i is None or i < 0:
        return 0
    name, inputs = walked.names[i], walked.inputs[i]
    exponent = saved(walked.nodes[i], "exponent") if name == "Pow" else None
    is_square = name == "Mul" and len(inputs) == 2 and inputs[0] == inputs[1] is not None
    if name in _SIZES or is_square or (isinstance(exponent, int | float) and exponent % 2 == 0):
        return 1
    if name in ("Mul", "Div") and len(inputs) == 2 and None not in inputs:
        return _sign(walked, inputs[0]) * _sign(walked, inputs[1])
    parts = parts_of(walked, i, 1.0) or ()
    signs = {int(np.sign(factor)) * _sign(walked, j) for j, factor in parts}
    return signs.pop() if len(signs) == 1 else 0
