"""Tensors that ask for gradients, are used as weights are, and are in no optimizer."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lifesigns.record.graph.used_as_weights import used_as_weights
from lifesigns.record.graph.walk import Walk, shape_of
from lifesigns.record.readable import on_this_rank
from lifesigns.record.schedule.idle import holders
from lifesigns.records import ParameterReading, Shape

SIGHTINGS = 3
"""Recorded cycles in which a tensor stood still before anything is said of it."""
MOST = 256
"""Tensors that are followed before those that are gone are forgotten."""


@dataclass
class _Followed:
    """A plain tensor at a leaf; once anything shows that it is meant so, it is left alone."""

    tensor: weakref.ref[Tensor]
    name: str
    shape: Shape
    meant: bool = False
    """Whether it is data, is trained by something, or its gradient is asked for or cleared."""
    norm: float = math.nan
    seen: int = 0

    @property
    def is_left_out(self) -> bool:
        """Whether no optimizer holds it, for certain."""
        return self.seen >= SIGHTINGS and not self.meant


class LeftOut:
    """Follows the tensors that a network treats as its weights and no optimizer holds.

    Nothing clears the gradient of such a tensor, so it grows from step to step. Where somebody
    clears it, or asks for it by name, it is known to be there.
    """

    def __init__(self) -> None:
        self._followed: dict[int, _Followed] = {}
        self._now: set[int] = set()
        """Those of the cycle that is read, by `id`."""

    def begin(
        self, walked: Walk, name: Callable[[Tensor, int], str], batches: Iterable[Tensor | None]
    ) -> None:
        """Looks at the leaves of a pass that begins.

        Args:
            walked: The graph of the loss.
            name: Gives the name of a leaf.
            batches: What has a row for each sample.
        """
        plain = [k for k, leaf in enumerate(walked.leaves) if not isinstance(leaf, nn.Parameter)]
        if not plain:
            return
        samples = {len(batch) for batch in batches if batch is not None and batch.dim()}
        weights = set(used_as_weights(walked, samples))
        for k in plain:
            leaf = walked.leaves[k]
            known = self._followed.get(id(leaf))
            if known is None or known.tensor() is not leaf:
                known = self._add(leaf, name(leaf, k))
            is_cleared = known.seen > 0 and id(leaf) not in self._now and not _has_gradient(leaf)
            known.meant = known.meant or k not in weights or is_cleared
            if not known.meant:
                self._now.add(id(leaf))

    def asked(self, inputs: Iterable[Any]) -> None:
        """Notes that a derivative by tensors was asked for.

        Args:
            inputs: They are none of `LeftOut`'s, whatever becomes of them.
        """
        for one in inputs:
            if isinstance(one, Tensor):
                self._add(one, "").meant = True
                self._now.discard(id(one))

    def look(self, rates: Mapping[int, float], *, are_known: bool) -> None:
        """Looks at those of a cycle, at its end.

        Args:
            rates: Learning rate by `id` of what the optimizers hold.
            are_known: Whether any optimizer is.

        Cost: once for each such tensor a look for an optimizer that has not stepped yet.
        """
        now, self._now = self._now, set()
        for number in now if are_known else ():
            known = self._followed[number]
            tensor = known.tensor()
            if tensor is None:
                continue
            norm = _norm(tensor)
            moved = known.seen > 0 and norm != known.norm
            held = id(tensor) in rates or not _has_gradient(tensor)
            known.meant = known.meant or moved or held
            known.seen, known.norm = known.seen + 1, norm
            if known.seen == SIGHTINGS and not known.meant:
                known.meant = bool(holders({id(tensor)}))

    def forget(self) -> None:
        """The cycle that was read has no end."""
        self._now = set()

    def readings(self) -> Iterator[ParameterReading]:
        """Those that stood still in all recorded cycles that they were part of."""
        for known in self._followed.values():
            if known.is_left_out:
                yield ParameterReading(known.name, known.shape, optimized=False, update_rms=0.0)

    def _add(self, tensor: Tensor, name: str) -> _Followed:
        if len(self._followed) >= MOST:
            known = self._followed.items()
            self._followed = {k: one for k, one in known if _is_kept(one)}
        made = _Followed(weakref.ref(tensor), name, shape_of(tensor))
        self._followed[id(tensor)] = made
        return made


def _is_kept(one: _Followed) -> bool:
    return one.is_left_out or one.tensor() is not None


def _has_gradient(tensor: Tensor) -> bool:
    gradient = on_this_rank(tensor.grad)
    return gradient is not None and bool(gradient.any())


def _norm(tensor: Tensor) -> float:
    """The norm of a tensor; NaN, which is like nothing, where it cannot be read."""
    value = on_this_rank(tensor)
    if value is None or not value.is_floating_point():
        return math.nan
    return float(torch.linalg.vector_norm(value, dtype=torch.float64))
