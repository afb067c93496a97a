"""Weights, gradients and updates of every parameter, on recorded cycles."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.reduce import Pack
from lifesigns.records import ParameterReading

SAMPLE = 65_536
"""Most elements of a parameter that are copied to measure its update."""

ROW_TOLERANCE = 1e-6


@dataclass
class Watched:
    """One parameter during one recorded cycle."""

    name: str
    parameter: weakref.ref[Tensor]
    reached: bool
    before: Tensor | None = None
    """Sample of the weight before the step."""


class ParameterReader:
    """Reads the parameters of one cycle: before backward, after it, after the step."""

    def __init__(self, named: Mapping[str, Tensor], reached: Iterable[Tensor]) -> None:
        ids = {id(p) for p in reached}
        self._pack = Pack()
        self._slots: dict[str, dict[str, Any]] = {}
        self.watched = [
            Watched(name, weakref.ref(p), id(p) in ids)
            for name, p in named.items()
            if p.is_floating_point()
        ]
        for watched, p in self._alive():
            if p.requires_grad:
                watched.before = _sample(p)
            self._slots[watched.name] = {"weight": self._norm(p), **self._rows(p, "weight")}

    def reach(self, leaves: Iterable[Tensor]) -> None:
        """More parameters that a backward pass of the cycle leads to."""
        ids = {id(p) for p in leaves}
        for watched, p in self._alive():
            watched.reached |= id(p) in ids

    def gradients(self, scale: float) -> None:
        """Reads the gradients accumulated so far, right after a backward pass.

        Args:
            scale: What loss scaling multiplied them by.
        """
        for watched, p in self._alive():
            grad = p.grad
            if grad is None or grad.layout is not torch.strided:
                continue
            g = _local(grad.detach())
            slots = self._slots[watched.name]
            slots.update(self._rows(g, "gradient"), gradient=self._norm(g), scale=scale)
            if g.dim() > 1 and g.numel():
                rows = g.reshape(g.shape[0], -1)
                share = rows.sum(1).abs() / rows.abs().sum(1)
                slots["coherence"] = self._pack.add(share.nanmean())

    def finish(self, rates: Mapping[int, float], optimizers_known: bool) -> tuple[
        ParameterReading, ...
    ]:
        """The readings, once the step has been made.

        Args:
            rates: Learning rate by `id` of the parameter, for the parameters in some optimizer.
            optimizers_known: Whether any optimizer has been seen at all.
        """
        facts = {}
        for watched, p in self._alive():
            slots = self._slots[watched.name]
            if watched.before is not None:
                change = _sample(p) - watched.before
                slots["update"] = self._pack.add(torch.linalg.vector_norm(change))
                slots["sampled"] = change.numel()
            facts[watched.name] = (p, rates.get(id(p), float("nan")), id(p) in rates)
        arrays = self._pack.fetch()
        return tuple(
            _reading(w, *facts[w.name], self._slots[w.name], arrays, optimizers_known)
            for w in self.watched
            if w.name in facts
        )

    def _alive(self) -> Iterable[tuple[Watched, Tensor]]:
        for watched in self.watched:
            parameter = watched.parameter()
            if parameter is not None:
                yield watched, parameter

    def _norm(self, tensor: Tensor) -> int:
        return self._pack.add(torch.linalg.vector_norm(_wide(_local(tensor.detach()))))

    def _rows(self, tensor: Tensor, what: str) -> dict[str, int]:
        """A projection of every row: equal rows have equal projections."""
        tensor = _local(tensor.detach())
        if tensor.dim() < 2 or tensor.numel() == 0:
            return {}
        rows = _wide(tensor).reshape(tensor.shape[0], -1)
        direction = torch.arange(1, rows.shape[1] + 1, device=rows.device, dtype=rows.dtype)
        projection = (rows * direction.sin_()).sum(1)
        return {f"{what}_rows": self._pack.add(projection)}


def _sample(p: Tensor) -> Tensor:
    flat = _wide(_local(p.detach())).reshape(-1)
    stride = -(-flat.numel() // SAMPLE) or 1
    return flat[::stride].clone()


def _local(tensor: Tensor) -> Tensor:
    """The local shard of a distributed tensor: reducing the whole could start a collective."""
    to_local = getattr(tensor, "to_local", None)
    return to_local() if callable(to_local) else tensor


def _wide(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()


def _reading(
    watched: Watched,
    p: Tensor,
    rate: float,
    held: bool,
    slots: Mapping[str, Any],
    arrays: list[NDArray[np.float64]],
    optimizers_known: bool,
) -> ParameterReading:
    size = max(_local(p).numel(), 1)
    weight = _value(slots, "weight", arrays)
    gradient = _value(slots, "gradient", arrays)
    update = _value(slots, "update", arrays)
    scale = float(slots.get("scale", 1.0))
    return ParameterReading(
        name=watched.name,
        shape=tuple(p.shape),
        trainable=p.requires_grad,
        reached=watched.reached,
        optimized=held or not optimizers_known,
        learning_rate=rate,
        weight_rms=weight / size**0.5,
        gradient_rms=gradient / size**0.5 / scale,
        update_rms=update / max(slots.get("sampled", 1), 1) ** 0.5,
        gradient_is_zero=gradient == 0.0,
        nonfinite_weights=int(not np.isfinite(weight)),
        nonfinite_gradients=int("gradient" in slots and not np.isfinite(gradient)),
        distinct_weight_rows=_distinct(slots, "weight_rows", arrays),
        distinct_gradient_rows=_distinct(slots, "gradient_rows", arrays),
        sign_coherence=_value(slots, "coherence", arrays),
    )


def _value(slots: Mapping[str, Any], key: str, arrays: list[NDArray[np.float64]]) -> float:
    return float(arrays[slots[key]][0]) if key in slots else float("nan")


def _distinct(slots: Mapping[str, Any], key: str, arrays: list[NDArray[np.float64]]) -> int:
    """How many rows differ, judged by their projections, to `ROW_TOLERANCE` of the largest."""
    if key not in slots:
        return -1
    projections = np.sort(arrays[slots[key]])
    if not np.isfinite(projections).all():
        return -1
    gap = ROW_TOLERANCE * max(abs(projections[0]), abs(projections[-1]))
    return 1 + int(np.count_nonzero(np.diff(projections) > gap))
