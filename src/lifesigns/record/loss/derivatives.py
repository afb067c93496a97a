"""Derivatives by the inputs that a step takes, and whether its loss is trained through them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lifesigns.record.attach.backward import GradCall
from lifesigns.record.graph.module_calls import Forward
from lifesigns.record.graph.walk import Walk, saved, short_name, walk
from lifesigns.record.loss.derived_twice import DerivedTwice
from lifesigns.record.loss.sources import PARTS
from lifesigns.record.loss.summands import parts_of
from lifesigns.record.measure.reduce import Pack

MOST = 64
"""Calls of one step that are remembered."""
MOST_ELEMENTS = 1 << 16
MOST_ROWS = 512
"""Points from which a residual is explained."""
EXACT, LOOSE = 1e-10, 1e-6
"""Shares of a residual's squares: what an exact explanation leaves, and what is left without it."""


class _Taken(NamedTuple):
    """A derivative that was taken."""

    of: frozenset[int]
    """Numbers of the nodes that made what was derived."""
    made: frozenset[int]
    """Numbers of the nodes that made the results; none where these have no graph."""
    outputs: tuple[Tensor, ...]
    inputs: tuple[Tensor, ...]
    results: tuple[Tensor, ...]
    weights: frozenset[int]
    """The parameters behind what was derived, by identity; none where the results have a graph."""


class _Table(NamedTuple):
    """A residual, and of what it may be a sum of multiples."""

    numbers: Tensor
    """`[1 + others + derivatives, points]`, the residual first."""
    others: int


class PendingDerivatives(NamedTuple):
    """Derivatives without a part in the gradient of the loss; their values still on the device."""

    number: int
    entered: bool
    """Whether the loss is known to be computed with their values."""
    beside: bool
    """Whether what was derived is not in the loss either, which has a number added to it."""
    numbered: bool
    """Whether what was derived is in the loss, and a number without a graph is added to it."""
    tables: tuple[tuple[int, tuple[int, ...], int], ...]
    """Slot and shape of each table, and how many others it has."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss: how many they are, and whether it is computed with their values.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        entered = self.entered or any(
            _explains(arrays[slot].reshape(shape), others) for slot, shape, others in self.tables
        )
        return {
            "derivatives_left_out": float(self.number),
            "derivatives_entered": float(entered),
            **({"derivatives_beside": 1.0} if self.beside else {}),
            **({"derivatives_numbered": 1.0} if self.numbered else {}),
        }


class LeftOut(NamedTuple):
    """Derivatives that have no part in the graph of a loss."""

    number: int
    entered: bool
    """Whether the loss is known to be computed with their values."""
    tables: tuple[_Table, ...]
    """What tells it otherwise."""
    beside: bool = False
    """Whether what was derived is not in the loss either, which has a number added to it."""
    numbered: bool = False
    """Whether what was derived is in the loss, and a number without a graph is added to it."""

    def wait(self, pack: Pack) -> PendingDerivatives:
        """Keeps the numbers for the copy.

        Args:
            pack: Where they wait for it.
        """
        tables = ((pack.add(t.numbers.reshape(-1)), t.numbers.shape, t.others) for t in self.tables)
        signs = self.entered, self.beside, self.numbered
        return PendingDerivatives(self.number, *signs, tuple(tables))


class Derivatives:
    """What a recorded step has derived by data, until its loss is read."""

    def __init__(self) -> None:
        self._taken: list[_Taken] = []
        self.twice = DerivedTwice()
        """Those of derivatives."""

    def note(self, call: GradCall, results: Iterable[Tensor | None]) -> None:
        """Remembers a call.

        Args:
            call: A call of `torch.autograd.grad` by leaves that are no parameters.
            results: What it returned.
        """
        returned = tuple(results)
        self.twice.note(call, returned)
        known = tuple(r for r in returned if r is not None and r.numel() <= MOST_ELEMENTS)
        if len(self._taken) < MOST and known:
            of = frozenset(number for output in call.outputs for number in _numbers(output))
            made = frozenset(r.grad_fn._sequence_nr() for r in known if r.grad_fn is not None)
            small = [o.detach() for o in call.outputs if o.numel() <= MOST_ELEMENTS]
            given = [x.detach() for x in call.inputs if x.numel() <= MOST_ELEMENTS]
            values = (tuple(small), tuple(given), tuple(r.detach() for r in known))
            weights = frozenset[int]() if made else frozenset(map(id, walk(call.outputs).leaves))
            self._taken.append(_Taken(of, made, *values, weights))

    def forget(self) -> None:
        """The step is over."""
        self._taken.clear()
        self.twice.forget()

    def left_out(self, walked: Walk, forward: Forward) -> LeftOut | None:
        """What a loss leaves out that holds what was derived, and not what the derivatives made.

        Args:
            walked: The graph of the loss.
            forward: The module calls of the step.

        Returns:
            The derivatives that have no part in the graph, and what tells whether the loss is
            computed with their values; None if there are none.
        """
        if not self._taken:
            return None
        reached = {int(number) for number in walked.numbers}
        used, left = set(reached), list[_Taken]()
        for taken in reversed(self._taken):  # a second derivative comes after the first
            used |= set() if taken.made.isdisjoint(used) else taken.of
        for taken in self._taken:
            if taken.made.isdisjoint(used) and not taken.of.isdisjoint(reached):
                left.append(taken)
                reached |= taken.made
        if not left:
            beside = _beside(walked, self._taken)
            return LeftOut(beside, False, (), True) if beside else None
        outputs = [call.prediction for call in forward.calls if call.prediction is not None]
        derived = frozenset[int]().union(*(taken.of for taken in left))
        values = [p.value for p in outputs if p.node in derived and not p.is_overwritten]
        if _has_saved(walked, left):
            return LeftOut(len(left), True, ())
        tables, numbered = tuple(_tables(walked, left, values)), _adds_a_number(walked)
        return LeftOut(len(left), False, tables, numbered=numbered)


def _beside(walked: Walk, taken: Iterable[_Taken]) -> int:
    """How many derivatives of what these weights make have no graph, if a number is added.

    As in a penalty on the slope of a critic, which was called once more for it.
    """
    weights = {id(leaf) for leaf in walked.leaves if isinstance(leaf, nn.Parameter)}
    found = [one for one in taken if one.of and not weights.isdisjoint(one.weights)]
    return len(found) if found and _adds_a_number(walked) else 0


def _adds_a_number(walked: Walk) -> bool:
    """Whether a sum at the root of a loss has a summand without a graph."""
    waiting = [(root, 1.0) for root in walked.roots]
    while waiting:
        index, factor = waiting.pop()
        below = parts_of(walked, index, factor) if index >= 0 else None
        if below is None or walked.names[index] in ("Mean", "Sum"):
            continue
        if walked.names[index] in ("Add", "Sub", "Rsub") and None in walked.inputs[index]:
            return True
        waiting += below
    return False


def _numbers(output: Tensor) -> Iterable[int]:
    """Of the node that made an output, or what it is the sum of, and of what that is a part of."""
    node: Any = output.grad_fn
    if node is not None and node.name().startswith("SumBackward"):
        node = node.next_functions[0][0]
    elif output.numel() == 1 and output.dim() == 0:  # a loss, as for an adversarial example
        node = None
    while node is not None:
        yield node._sequence_nr()
        is_part = short_name(node.name()) in PARTS
        node = node.next_functions[0][0] if is_part else None


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _has_saved(walked: Walk, left: list[_Taken]) -> bool:
    """Whether an operation of the loss has kept the memory of a derivative as its operand."""
    memory = {_memory(r) for taken in left for r in taken.results}
    factors = (saved(node, word) for node in walked.nodes for word in ("self", "other", "target"))
    return any(isinstance(f, Tensor) and _memory(f) in memory for f in factors)


def _tables(walked: Walk, left: list[_Taken], outputs: list[Tensor]) -> Iterator[_Table]:
    """Residuals, each with the derivatives and whatever else was given or made at its points."""
    derived = {_memory(r): r for taken in left for r in taken.results}
    known = chain(outputs, *((*taken.outputs, *taken.inputs) for taken in left))
    given = {_memory(t): t for t in known if t.numel() <= MOST_ELEMENTS}
    columns = [c for place, t in given.items() if place not in derived for c in _columns(t)]
    derivatives = [c for t in derived.values() for c in _columns(t)]
    for index, name in enumerate(walked.names):
        residual = saved(walked.nodes[index], "self") if name in ("Pow", "MseLoss") else None
        if residual is None or residual.dim() == 0 or residual.numel() > MOST_ELEMENTS:
            continue
        y = residual.detach().reshape(-1)[:MOST_ROWS].double()
        other = [c[: len(y)] for c in columns if len(c) == residual.numel()]
        own = [c[: len(y)] for c in derivatives if len(c) == residual.numel()]
        if own and len(y) > 2 * (len(own) + len(other) + 1):
            yield _Table(torch.stack([y, *other, *own]), len(other))


def _columns(values: Tensor) -> Iterable[Tensor]:
    rows = values.detach().double()
    return rows.reshape(len(rows), -1).unbind(1) if rows.dim() else ()


def _explains(table: NDArray[np.float64], others: int) -> bool:
    """Whether a residual is a sum of multiples of derivatives, and not without them.

    Args:
        table: The residual, others and derivatives.
        others: How many.
    """
    y, columns = table[0], np.vstack([np.ones_like(table[:1]), table[1:]])
    with np.errstate(all="ignore"):  # they may not be finite
        return _rest(y, columns) < EXACT and _rest(y, columns[: 1 + others]) > LOOSE


def _rest(y: NDArray[np.float64], columns: NDArray[np.float64]) -> float:
    """Share of the squares that a sum of multiples of the columns leaves."""
    directions = np.linalg.qr(columns.T)[0]
    left = y - directions @ (y @ directions)
    return float(np.square(left).sum() / max(np.square(y).sum(), 1e-300))
