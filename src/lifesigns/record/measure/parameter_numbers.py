"""What is measured of parameters, their gradients and their steps: by the program, or by torch."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from lifesigns.record.measure.kernel import NUMBERS, Program, matrix, reads, step
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


class Part(NamedTuple):
    """A parameter or gradient, what is measured of it, and what is sampled."""

    watched: Watched
    values: Tensor
    """All of it on this rank, or some rows."""
    sampled: Tensor | None
    """All of it on this rank; None if no sample is kept."""


class ParameterNumbers(Protocol):
    """Puts the numbers of parameters into a pack, and tells each parameter where they are."""

    def of(self, what: str, parts: list[Part]) -> None:
        """Norms, distinct rows and coherence of signs; keeps samples.

        Args:
            what: `weight` or `gradient`.
            parts: The parameters, or their gradients.
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

    def of(self, what: str, parts: list[Part]) -> None:
        """See `ParameterNumbers`."""
        if not (self._norms or self._rows or self._coherence):
            _keep_samples(what, parts)
            return
        others, jobs, total = [], [], 0
        alive: list[Tensor] = []
        for part in parts:
            count = part.values.numel()
            if count and reads(part.values):
                jobs.append(self._measured(what, part, alive))
                total += count
            else:
                others.append(part)
        if jobs:
            self._program.measure(jobs, total)
        self._others.of(what, others)

    def _measured(self, what: str, part: Part, alive: list[Tensor]) -> bytes:
        """Room for the numbers of a parameter, and what the program is told.

        Args:
            what: `weight` or `gradient`.
            part: The parameter, or its gradient.
            alive: Tensors that the program reads, or writes.
        """
        watched, values, sampled = part
        lying = _rows(values.shape, values.stride())
        if lying is None:
            values = values.contiguous()
            lying = _rows(values.shape, values.stride())
            assert lying is not None
            alive.append(values)
        count, has_rows = lying[0], values.dim() > 1
        kept, apart = None, 1
        if sampled is values and values.is_contiguous():
            apart = _apart(values.numel())
            kept = values.new_empty(-(-values.numel() // apart), dtype=_full(values.dtype))
            watched.keep(what, kept)
        elif sampled is not None:
            watched.keep(what, wide(sample(sampled)).clone())
        slot, first, found = self._pack.room(NUMBERS + count)
        self._note(what, watched, slot, first, count if has_rows else 0)
        tolerance = ROW_TOLERANCE if has_rows and count <= FEW_ROWS else math.nan
        signs = what == "gradient" and has_rows and self._coherence
        return matrix(values, lying, found, tolerance, sample=kept, apart=apart, signs=signs)

    def _note(self, what: str, watched: Watched, slot: int, first: int, rows: int) -> None:
        """Tells a parameter where its numbers are."""
        if self._norms:
            watched.scalars[what] = slot, first
        if self._rows and rows:
            watched.scalars[f"{what}_rows"] = slot, first + 1
            if rows > FEW_ROWS:
                end = first + NUMBERS + rows
                spread = slice(first + NUMBERS, end, distance(rows))
                watched.rows[f"{what}_rows"] = slot, spread
        if self._coherence and rows and what == "gradient":
            watched.scalars["coherence"] = slot, first + 2

    def of_steps(self, after: Tensors) -> None:
        """See `ParameterNumbers`."""
        others, jobs = [], []
        for watched, now in after:
            before, gradient = watched.before, watched.gradient
            if before is None or not self._compares(now, before):
                others.append((watched, now))
                continue
            if gradient is not None and not _are_alike(gradient, before):
                gradient = None
            slot, first, found = self._pack.room(NUMBERS)
            jobs.append(step(now, before, gradient, found))
            if self._updates:
                watched.scalars["update"] = slot, first
            if gradient is not None:
                watched.scalars["product"] = slot, first + 1
                if watched.stepped and now.dtype in SHORT:
                    watched.scalars["lost"] = slot, first + 2
        if jobs:
            self._program.compare(jobs)
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

    def of(self, what: str, parts: list[Part]) -> None:
        """See `ParameterNumbers`."""
        if not parts:
            return
        _keep_samples(what, parts)
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
    apart = _apart(flat.numel())
    return flat if apart == 1 else flat[::apart]


def wide(tensor: Tensor) -> Tensor:
    """A tensor in float32 at least.

    Args:
        tensor: Of any floating point dtype.
    """
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()


def _apart(count: int) -> int:
    """How far the values of a sample are from one another, of so many."""
    return max(-(-count // SAMPLE), 1)


def _full(dtype: torch.dtype) -> torch.dtype:
    """The dtype of `wide`."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def _keep_samples(what: str, parts: Iterable[Part]) -> None:
    for watched, _, sampled in parts:
        if sampled is not None:
            watched.keep(what, wide(sample(sampled)).clone())


@lru_cache(maxsize=4096)
def _rows(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """Rows and columns, and how far one is from the next; None if no two strides tell it.

    Args:
        shape: Of a parameter; rows are along its first dimension, if it has more than one.
        strides: In values.
    """
    count = shape[0] if len(shape) > 1 else 1
    row_stride = strides[0] if len(shape) > 1 else 0
    width, stride = 1, 1
    inner = zip(shape[len(shape) > 1 :], strides[len(shape) > 1 :], strict=True)
    for size, apart in reversed([(s, t) for s, t in inner if s > 1]):
        if width == 1:
            stride = apart
        elif apart != width * stride:
            return None
        width *= size
    return count, width, row_stride, stride


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
