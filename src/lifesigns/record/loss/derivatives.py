"""Derivatives by the inputs that a step takes, and whether its loss is trained through them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor

from lifesigns.record.attach.backward import GradCall
from lifesigns.record.graph.module_calls import Forward
from lifesigns.record.graph.walk import Walk, saved

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


class Derivatives:
    """What a recorded step has derived by data, until its loss is read."""

    def __init__(self) -> None:
        self._taken: list[_Taken] = []

    def note(self, call: GradCall, results: Iterable[Tensor | None]) -> None:
        """Remembers a call.

        Args:
            call: A call of `torch.autograd.grad` by leaves that are no parameters.
            results: What it returned.
        """
        known = tuple(r for r in results if r is not None and r.numel() <= MOST_ELEMENTS)
        if len(self._taken) < MOST and known:
            of = frozenset(number for output in call.outputs for number in _numbers(output))
            made = frozenset(r.grad_fn._sequence_nr() for r in known if r.grad_fn is not None)
            small = [o.detach() for o in call.outputs if o.numel() <= MOST_ELEMENTS]
            given = [x.detach() for x in call.inputs if x.numel() <= MOST_ELEMENTS]
            values = (tuple(small), tuple(given), tuple(r.detach() for r in known))
            self._taken.append(_Taken(of, made, *values))

    def forget(self) -> None:
        """The step is over."""
        self._taken.clear()

    def left_out(self, walked: Walk, forward: Forward) -> dict[str, float]:
        """Details of a loss that holds what was derived, and not what the derivatives made.

        Args:
            walked: The graph of the loss.
            forward: The module calls of the step.

        Returns:
            How many derivatives have no part in the graph, and whether the loss is computed with
            their values, so far as that can be told.
        """
        if not self._taken:
            return {}
        reached = {int(number) for number in walked.numbers}
        used, left = set(reached), list[_Taken]()
        for taken in reversed(self._taken):  # a second derivative comes after the first
            used |= set() if taken.made.isdisjoint(used) else taken.of
        for taken in self._taken:
            if taken.made.isdisjoint(used) and not taken.of.isdisjoint(reached):
                left.append(taken)
                reached |= taken.made
        if not left:
            return {}
        outputs = [call.prediction for call in forward.calls if call.prediction is not None]
        derived = frozenset[int]().union(*(taken.of for taken in left))
        values = [p.value for p in outputs if p.node in derived and not p.is_overwritten]
        entered = _has_saved(walked, left) or _explains(walked, left, values)
        return {"derivatives_left_out": float(len(left)), "derivatives_entered": float(entered)}


def _numbers(output: Tensor) -> Iterable[int]:
    """Of the node that made an output, or what it is the sum of."""
    node = output.grad_fn
    if node is not None and node.name().startswith("SumBackward"):
        node = node.next_functions[0][0]
    elif output.numel() == 1 and output.dim() == 0:  # a loss, as for an adversarial example
        node = None
    if node is not None:
        yield node._sequence_nr()


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _has_saved(walked: Walk, left: list[_Taken]) -> bool:
    """Whether an operation of the loss has kept the memory of a derivative as its operand."""
    memory = {_memory(r) for taken in left for r in taken.results}
    factors = (saved(node, word) for node in walked.nodes for word in ("self", "other", "target"))
    return any(isinstance(f, Tensor) and _memory(f) in memory for f in factors)


def _explains(walked: Walk, left: list[_Taken], outputs: list[Tensor]) -> bool:
    """Whether a residual is a sum of multiples of derivatives, and not without them."""
    derived = {_memory(r): r for taken in left for r in taken.results}
    known = chain(outputs, *((*taken.outputs, *taken.inputs) for taken in left))
    given = {_memory(t): t for t in known if t.numel() <= MOST_ELEMENTS}
    columns = [c for place, t in given.items() if place not in derived for c in _columns(t)]
    derivatives = [c for t in derived.values() for c in _columns(t)]
    for index, name in enumerate(walked.names):
        residual = saved(walked.nodes[index], "self") if name in ("Pow", "MseLoss") else None
        if (
            residual is None
            or not residual.is_cpu
            or residual.dim() == 0
            or residual.numel() > MOST_ELEMENTS
        ):
            continue
        y = residual.detach().reshape(-1)[:MOST_ROWS].double()
        other = [c[: len(y)] for c in columns if len(c) == residual.numel()]
        own = [c[: len(y)] for c in derivatives if len(c) == residual.numel()]
        if own and len(y) > 2 * (len(own) + len(other) + 1):
            ones = torch.ones_like(y)
            if _rest(y, [ones, *other, *own]) < EXACT and _rest(y, [ones, *other]) > LOOSE:
                return True
    return False


def _columns(values: Tensor) -> Iterable[Tensor]:
    rows = values.detach().double()
    return rows.reshape(len(rows), -1).unbind(1) if rows.dim() else ()


def _rest(y: Tensor, columns: list[Tensor]) -> float:
    """Share of the squares that a sum of multiples of the columns leaves; 1 if there are none."""
    given = torch.stack(columns, 1)
    left = y - given @ torch.linalg.lstsq(given, y.unsqueeze(1)).solution.squeeze(1)
    return float(left.square().sum() / y.square().sum().clamp_min(1e-300))
