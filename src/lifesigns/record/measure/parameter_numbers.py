"""What is measured of parameters, their gradients and their steps: by the program, or by torch."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Protocol

import torch
from torch import Tensor

from lifesigns.record.measure.kernel import NUMBERS, Program, reads
from lifesigns.record.measure.large import distance, some_rows
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.measure.watched_parameter import ROW_TOLERANCE, Watched
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


class ParameterNumbers(Protocol):
    """Puts the numbers of parameters into a pack, and tells each parameter where they are."""

    def of(self, what: str, tensors: Tensors) -> None:
        """Norms, distinct rows and coherence of signs.

        Args:
            what: `weight` or `gradient`.
            tensors: The parameters, or their gradients.
        """

    def of_steps(self, after: Tensors) -> None:
        """Norms of steps, their products with the gradients, and the shares that were lost.

        Args:
            after: Samples of the parameters as they are now.
        """


def numbers_for(pack: Pack, needs: Collection[Quantity]) -> ParameterNumbers:
    """The numbers as this machine computes them.

    Args:
        pack: Where they are put.
        needs: What is measured.
    """
    by_torch = ByTorch(pack, needs)
    return by_torch if pack.program is None else ByProgram(pack, needs, pack.program, by_torch)


class ByProgram:
    """One pass over each tensor.

    Args:
        pack: Where the numbers are put.
        needs: What is measured.
        program: What reads the tensors.
        others: For what it does not read.
    """

    def __init__(
        self, pack: Pack, needs: Collection[Quantity], program: Program, others: ByTorch
    ) -> None:
        self._pack, self._program, self._others = pack, program, others
        self._rows, self._coherence = Quantity.ROWS in needs, Quantity.COHERENCE in needs
        self._norms, self._updates = Quantity.PARAMETERS in needs, Quantity.UPDATES in needs

    def of(self, what: str, tensors: Tensors) -> None:
        """See `ParameterNumbers`."""
        if not (self._norms or self._rows or self._coherence):
            return
        others = []
        for watched, tensor in tensors:
            values = local(tensor)
            if reads(values) and values.numel():
                self._measure(what, watched, values)
            else:
                others.append((watched, tensor))
        self._others.of(what, others)

    def _measure(self, what: str, watched: Watched, values: Tensor) -> None:
        has_rows = values.dim() > 1
        count = values.shape[0] if has_rows else 1
        rows = values if values.dim() == 2 else values.reshape(count, -1)
        slot, first, found = self._pack.room(NUMBERS + count)
        tolerance = ROW_TOLERANCE if has_rows and count <= FEW_ROWS else math.nan
        self._program.measure(rows, found, tolerance)
        if self._norms:
            watched.scalars[what] = slot, first
        if self._rows and has_rows:
            watched.scalars[f"{what}_rows"] = slot, first + 1
            if count > FEW_ROWS:
                end = first + NUMBERS + count
                spread = slice(first + NUMBERS, end, distance(count))
                watched.rows[f"{what}_rows"] = slot, spread
        if self._coherence and has_rows and what == "gradient":
            watched.scalars["coherence"] = slot, first + 2

    def of_steps(self, after: Tensors) -> None:
        """See `ParameterNumbers`."""
        others = []
        for watched, now in after:
            before, gradient = watched.before, watched.gradient
            if before is None or not self._compares(now, before):
                others.append((watched, now))
                continue
            if gradient is not None and not _are_alike(gradient, before):
                gradient = None
            slot, first, found = self._pack.room(NUMBERS)
            self._program.compare(now, before, gradient, found)
            if self._updates:
                watched.scalars["update"] = slot, first
            if gradient is not None:
                watched.scalars["product"] = slot, first + 1
                if watched.stepped and now.dtype in SHORT:
                    watched.scalars["lost"] = slot, first + 2
        self._others.of_steps(others)

    @staticmethod
    def _compares(now: Tensor, before: Tensor) -> bool:
        full = torch.float64 if now.dtype == torch.float64 else torch.float32
        fit = before.dtype == full and before.shape == now.shape and before.is_contiguous()
        return fit and before.is_cpu and reads(now) and now.numel() > 0


class ByTorch:
    """On any device, the norms in one call.

    Args:
        pack: Where the numbers are put.
        needs: What is measured.
    """

    def __init__(self, pack: Pack, needs: Collection[Quantity]) -> None:
        self._pack, self._needs = pack, needs
        self._directions: dict[int, Tensor] = {}

    def of(self, what: str, tensors: Tensors) -> None:
        """See `ParameterNumbers`."""
        if not tensors:
            return
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
            for w, now in after
            if w.before is not None and w.before.shape == now.shape
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
            slot = self._pack.add(torch.stack([numbers[k] for k in alike]))
            for position, k in enumerate(alike):
                watched[k].scalars[what] = slot, position

    def _row(self, watched: Watched, what: str, numbers: Tensor) -> None:
        watched.rows[what] = self._pack.add(numbers), slice(None)

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
    return flat if flat.numel() <= SAMPLE else flat[:: -(-flat.numel() // SAMPLE)]


def wide(tensor: Tensor) -> Tensor:
    """A tensor in float32 at least.

    Args:
        tensor: Of any floating point dtype.
    """
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()


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


def _are_alike(gradient: Tensor, before: Tensor) -> bool:
    """Whether the program reads both in one way."""
    same = gradient.dtype == before.dtype and gradient.shape == before.shape
    return same and gradient.is_cpu and gradient.is_contiguous()
