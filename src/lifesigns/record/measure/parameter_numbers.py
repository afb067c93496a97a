"""What is measured of parameters, their gradients and their steps, and how torch measures it."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from lifesigns.record.measure.large import some_rows
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.measure.watched_parameter import Watched
from lifesigns.record.readable import local
from lifesigns.records import Quantity

SAMPLE = 65_536
"""Most elements of a parameter, or of its gradient, that are copied."""

FEW_ROWS = 4096
"""Rows up to which the program tells how many differ; more are sorted faster by NumPy."""

GOLDEN = 0.6180339887
"""Column weights are 1 plus the fraction of its multiples: all differ, and none is above 2."""

SHORT = (torch.float16, torch.bfloat16)
"""Dtypes whose rounding may swallow a step; in float32 that takes one of 1e-7 of the weight."""

SAFE_NORM = 1e-18
"""Norms below this may have lost squares that underflow in float32."""

SAFE_PRODUCT = 1e-30
"""A scalar product below this may have lost terms that underflow in float32."""

_ROWS = frozenset({Quantity.ROWS, Quantity.COHERENCE})
Tensors = list[tuple[Watched, Tensor]]


class Part(NamedTuple):
    """A parameter or gradient, what is measured of it, and what is sampled."""

    watched: Watched
    values: Tensor
    """All of it on this rank, or some rows."""
    sampled: Tensor | None
    """All of it on this rank; None if no sample is kept."""
    is_ordinary: bool = False
    """Whether that is known of what is measured; see `readable.is_ordinary`."""

    @property
    def is_sampled(self) -> bool:
        """Whether a sample is kept of what is measured."""
        return self.sampled is self.values


class ParameterNumbers(Protocol):
    """Puts the numbers of parameters into a pack, and tells each parameter where they are."""

    pack: Pack

    def begin(self) -> None:
        """A new cycle begins."""

    def of(self, what: str, parts: list[Part]) -> None:
        """Norms, distinct rows and coherence of signs; keeps samples.

        Args:
            what: `weight` or `gradient`.
            parts: The parameters, or their gradients.
        """

    def of_steps(self, after: Tensors) -> None:
        """Norms of steps, their products with the gradients, and the shares that were lost.

        Args:
            after: The parameters as they are now.
        """


class ByTorch:
    """On any device, the norms in one call.

    Args:
        pack: Where the numbers are put.
        needs: What is measured.
    """

    def __init__(self, pack: Pack, needs: Collection[Quantity]) -> None:
        self.pack, self._needs = pack, needs
        self._directions: dict[int, Tensor] = {}

    def begin(self) -> None:
        """See `ParameterNumbers`."""
        self.pack.clear()

    def of(self, what: str, parts: list[Part]) -> None:
        """See `ParameterNumbers`."""
        if not parts:
            return
        for part in parts:
            keep_sample(what, part)
        tensors = [(part.watched, part.values) for part in parts]
        if Quantity.PARAMETERS in self._needs:
            self._norms(what, tensors)
        for watched, tensor in tensors:
            rows = None if _ROWS.isdisjoint(self._needs) else _as_rows(tensor)
            if rows is None:
                continue
            if Quantity.ROWS in self._needs:
                self._row(watched, f"{what}_rows", rows @ self._direction(rows))
            if what == "gradient" and Quantity.COHERENCE in self._needs:
                self._row(watched, "signed", rows.sum(1))
                self._row(watched, "unsigned", rows.abs().sum(1))

    def of_steps(self, after: Tensors) -> None:
        """See `ParameterNumbers`."""
        changes = [
            (w, wide(now) - w.before)
            for w, p in after
            if w.before is not None and w.before.shape == (now := sample(p)).shape
        ]
        if not changes:
            return
        self._lost(changes)
        if Quantity.UPDATES in self._needs:
            self._norms("update", changes)
        self._products(changes)

    def _norms(self, what: str, tensors: Tensors) -> None:
        """Euclidean norms, all in one call."""
        given = [wide(local(t)) for _, t in tensors]
        norms = list(torch._foreach_norm(given))
        for k in _unsafe(norms, SAFE_NORM):
            norms[k] = torch.linalg.vector_norm(given[k], dtype=torch.float64)
        self._keep(what, [w for w, _ in tensors], norms)

    def _products(self, changes: Tensors) -> None:
        """Scalar products of gradient and update."""
        pairs = [
            (watched, watched.gradient, change)
            for watched, change in changes
            if watched.gradient is not None and watched.gradient.shape == change.shape
        ]
        products = [torch.dot(gradient, change.to(gradient.dtype)) for _, gradient, change in pairs]
        for k in _unsafe(products, SAFE_PRODUCT):
            products[k] = torch.dot(pairs[k][1].double(), pairs[k][2].double())
        self._keep("product", [w for w, _, _ in pairs], products)

    def _lost(self, changes: Tensors) -> None:
        """The share of a step that is lost to rounding, where parameters have 16 bits."""
        for watched, change in changes:
            p, gradient = watched.parameter(), watched.gradient
            if p is None or gradient is None or gradient.shape != change.shape:
                continue
            if watched.stepped and p.dtype in SHORT:
                wanted = gradient != 0
                lost = (wanted & (change == 0)).sum() / wanted.sum()
                self._keep("lost", [watched], [lost])

    def _keep(self, what: str, watched: list[Watched], numbers: list[Tensor]) -> None:
        """Keeps a number of each parameter, those of one kind in one slot."""
        kinds: dict[tuple[torch.device, torch.dtype], list[int]] = {}
        for k, number in enumerate(numbers):
            kinds.setdefault((number.device, number.dtype), []).append(k)
        for alike in kinds.values():
            slot = self.pack.add(torch.stack([numbers[k] for k in alike]))
            for position, k in enumerate(alike):
                watched[k].scalars[what] = slot, position

    def _row(self, watched: Watched, what: str, numbers: Tensor) -> None:
        watched.rows[what] = self.pack.add(numbers), slice(None)

    def _direction(self, rows: Tensor) -> Tensor:
        """What rows are projected onto: equal rows have equal projections."""
        width = rows.shape[1]
        direction = self._directions.get(width)
        if direction is None or direction.device != rows.device or direction.dtype != rows.dtype:
            steps = torch.arange(width, device=rows.device, dtype=rows.dtype)
            direction = self._directions[width] = steps.mul_(GOLDEN).frac_().add_(1)
        return direction


def sample(tensor: Tensor) -> Tensor:
    """At most `SAMPLE` elements of this rank's part of a tensor, in one dimension.

    Args:
        tensor: A parameter or its gradient.
    """
    part = local(tensor)
    flat = part if part.dim() == 1 else part.reshape(-1)
    step = apart(flat.numel())
    return flat if step == 1 else flat[::step]


def wide(tensor: Tensor) -> Tensor:
    """A tensor in float32 at least.

    Args:
        tensor: Of any floating point dtype.
    """
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()


def apart(count: int) -> int:
    """How far the values of a sample are from one another.

    Args:
        count: How many values there are in all.
    """
    return max(-(-count // SAMPLE), 1)


def keep_sample(what: str, part: Part, room: Tensor | None = None) -> Tensor | None:
    """Keeps a sample, if one is wanted.

    Args:
        what: `weight` or `gradient`.
        part: The parameter, or its gradient.
        room: Where the sample of the last cycle lies, which is wanted no more.

    Returns:
        The sample.
    """
    if part.sampled is None:
        return None
    taken = wide(sample(part.sampled))
    if room is not None and (room.shape, room.dtype) == (taken.shape, taken.dtype):
        kept = room.copy_(taken)
    else:
        kept = taken.clone()
    part.watched.keep(what, kept)
    return kept


def _unsafe(numbers: list[Tensor], least: float) -> list[int]:
    """Positions of those that float32 may have got wrong, on the CPU, where looking is free."""
    near = [k for k, number in enumerate(numbers) if number.is_cpu]
    values = torch.stack([numbers[k] for k in near]).tolist() if near else []
    return [k for k, v in zip(near, values, strict=True) if not least < abs(v) < math.inf]


def _as_rows(tensor: Tensor) -> Tensor | None:
    tensor = local(tensor)
    if tensor.dim() < 2 or tensor.numel() == 0:
        return None
    tensor = some_rows(tensor)
    return wide(tensor).reshape(tensor.shape[0], -1)
