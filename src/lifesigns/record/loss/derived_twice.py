"""Derivatives by the inputs of what is such a derivative itself, and whether all are 0."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.attach.backward import GradCall
from lifesigns.record.measure.reduce import Pack

MOST = 64
"""Calls of one step that are remembered."""
NEAR = 32
"""Operations between a derivative and what is derived again: to pick, weigh and add components."""


class PendingTwice(NamedTuple):
    """Second derivatives of a step; whether they are 0 is still on the device."""

    number: int
    slot: int | None
    """Of how many elements of each are other than 0; None where none has a value."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss: how many there are, and how many of them are 0 everywhere.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        bent = 0 if self.slot is None else int(np.count_nonzero(arrays[self.slot]))
        flat = float(self.number - bent)
        return {"second_derivatives": float(self.number), "second_derivatives_zero": flat}


class DerivedTwice:
    """What a recorded step has derived by data for the second time, with a graph or as absent."""

    def __init__(self) -> None:
        self._made: set[int] = set()
        """Numbers of the nodes that made derivatives."""
        self._found: list[list[Tensor]] = []
        """Values of each second derivative; none where what was derived does not depend on it."""

    def note(self, call: GradCall, results: Iterable[Tensor | None]) -> None:
        """Remembers a call.

        Args:
            call: A call of `torch.autograd.grad` by leaves that are no parameters.
            results: What it returned.
        """
        if not call.creates_graph or len(self._made) >= MOST:
            return
        known = [r for r in results if r is not None]
        if self._made and any(self._is_derived(output) for output in call.outputs):
            self._found.append([r.detach() for r in known])
        self._made |= {r.grad_fn._sequence_nr() for r in known if r.grad_fn is not None}

    def _is_derived(self, output: Tensor) -> bool:
        """Whether an output is a derivative, or was computed from one by few operations."""
        nodes = [] if output.grad_fn is None else [output.grad_fn]
        for node in nodes:  # it grows
            if node._sequence_nr() in self._made:
                return True
            if len(nodes) < NEAR:
                nodes += [below for below, _ in node.next_functions if below is not None]
        return False

    def forget(self) -> None:
        """The step is over."""
        self._made.clear()
        self._found.clear()

    def wait(self, pack: Pack) -> PendingTwice | None:
        """Counts what is not 0, for the copy; None if nothing was derived twice.

        Args:
            pack: Where the numbers wait for it.
        """
        if not self._found:
            return None
        counts = [sum(map(torch.count_nonzero, values)) for values in self._found if values]
        known = [count for count in counts if isinstance(count, Tensor)]
        return PendingTwice(len(self._found), pack.add(torch.stack(known)) if known else None)
