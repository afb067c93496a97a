"""Parameters that an optimizer holds although no recorded graph contained them."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from lifesigns.record.graph.walk import shape_of
from lifesigns.record.readable import on_this_rank
from lifesigns.records import ParameterReading

SIGHTINGS = 2
"""Recorded cycles in which a parameter stood still before anything is said of it."""


@dataclass
class _Held:
    """A parameter of an optimizer; once it is trained by anything, it is left alone."""

    parameter: weakref.ref[Tensor]
    optimizer: int
    """Its `id`."""
    shape: tuple[int, ...] = ()
    trainable: bool = True
    name: str = ""
    rate: float = math.nan
    norm: float = math.nan
    seen: int = 0
    trained: bool = False


class Unreached:
    """Follows the parameters of the optimizers that belong to no watched network.

    One that is reached later, gets a gradient or changes is forgotten for good: something trains it
    after all, be it by hand.
    """

    def __init__(self) -> None:
        self._held: dict[int, _Held] = {}

    def look(
        self,
        optimizers: Iterable[Optimizer],
        rates: Mapping[int, float],
        watched: Set[int],
        name: Callable[[Tensor], str],
    ) -> None:
        """Looks at the parameters at the end of a recorded cycle.

        Args:
            optimizers: Those that are alive.
            rates: Learning rate by `id` of the parameter.
            watched: Parameters by `id` that the cycle led to, or that belong to a watched network.
            name: Tells its path in a module that ran; empty where none is known.
        """
        for optimizer, place, p in _each(optimizers):
            held = self._held.get(id(p))
            if held is None or held.parameter() is not p:
                held = self._held[id(p)] = _Held(
                    weakref.ref(p), optimizer, shape_of(p), p.requires_grad
                )
            held.trained = held.trained or id(p) in watched or _has_gradient(p)
            if held.trained:
                continue
            norm = _norm(p)
            held.trained = held.seen > 0 and norm != held.norm
            held.name = name(p) or held.name or place
            held.seen, held.norm, held.rate = held.seen + 1, norm, rates.get(id(p), math.nan)

    def readings(self) -> Iterator[ParameterReading]:
        """Those that no recorded graph contained, and that stood still."""
        training = {held.optimizer for held in self._held.values() if held.trained}
        for held in self._held.values():
            if not held.trained and held.seen >= SIGHTINGS:
                yield ParameterReading(
                    held.name,
                    held.shape,
                    trainable=held.trainable,
                    reached=False,
                    in_vain=held.optimizer not in training,
                    learning_rate=held.rate,
                    update_rms=0.0,
                )


def _each(optimizers: Iterable[Optimizer]) -> Iterator[tuple[int, str, Tensor]]:
    """Every parameter with its optimizer, by `id`, and its place there."""
    for optimizer in optimizers:
        for i, group in enumerate(optimizer.param_groups):
            for k, p in enumerate(group["params"]):
                name = f"parameter {k} of group {i} of {type(optimizer).__name__}"
                yield id(optimizer), name, p


def _has_gradient(p: Tensor) -> bool:
    gradient = on_this_rank(p.grad)
    return p.grad is not None and (gradient is None or bool(gradient.any()))


def _norm(p: Tensor) -> float:
    """The norm of a parameter; NaN, which is like nothing, where it cannot be read."""
    value = on_this_rank(p)
    if value is None or not value.is_floating_point():
        return math.nan
    return float(torch.linalg.vector_norm(value, dtype=torch.float64))
