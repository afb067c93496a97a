"""Calls the compiled program."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from struct import Struct
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from lifesigns.record.measure.kernel.layout import layout
from lifesigns.record.readable import is_ordinary

FIELDS = 8
"""Numbers found of each unit, see `enum sum` in reduce.c."""
NOWHERE, ZERO, MARKED, LESSENED = range(4)
"""`enum criterion`: nothing is saturated; zeros; what a byte marks; what is less than arrived."""

NUMBERS = 3
"""Numbers found of a parameter, or of its step."""

_ADDRESSES, _JOB = Struct("3Q"), Struct("8qd")
_MATRIX, _STEP = Struct("4Q7qd"), Struct("4Q3q")
"""The structures of reduce.c, where their fields are explained; of a job, in two parts."""
_DTYPES = {torch.float32: 0, torch.float64: 1, torch.float16: 2, torch.bfloat16: 3}
_SHORT = 65_536
"""Values up to which a call is so short that no other thread need be let in meanwhile."""


class Form(NamedTuple):
    """What the program is told of a tensor, beside its address."""

    units: int
    job: bytes
    is_long: bool
    """Whether the program lets other threads in while it reads it."""


@lru_cache(maxsize=4096)
def form(
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    dtype: torch.dtype,
    unit_dim: int,
    criterion: int = NOWHERE,
    slope: float = 0.0,
) -> Form | None:
    """The form of a tensor; None if its values lie in more than three strides.

    Args:
        shape: Of the tensor.
        strides: In values.
        dtype: One that `Program.knows`.
        unit_dim: The dimension that holds the units.
        criterion: What counts as saturated.
        slope: The share of what arrived, if `LESSENED`.
    """
    lying = layout(shape, strides, unit_dim)
    if lying is None:
        return None
    job = _JOB.pack(_DTYPES[dtype], criterion, *lying, slope)
    return Form(lying.units, job, math.prod(shape) > _SHORT)


class Program:
    """The program of reduce.c, loaded.

    Args:
        path: The compiled file.

    Raises:
        OSError: It cannot be loaded.
    """

    def __init__(self, path: Path) -> None:
        short, long = ctypes.PyDLL(str(path)), ctypes.CDLL(str(path))  # keeps the GIL; lets it go
        self._reduce = _one(short.reduce), _one(long.reduce)
        self._measure = _table(short.measure), _table(long.measure)
        self._compare = _table(short.compare)

    @staticmethod
    def knows(dtype: torch.dtype) -> bool:
        """Whether values of this dtype are read."""
        return dtype in _DTYPES

    def reduce(self, values: Tensor, form: Form, found: int, other: Tensor | None = None) -> int:
        """Sums of `values` over everything but the units.

        Args:
            values: On the CPU, of a dtype that `reads` affirms.
            form: Of `values`, and of `other` as well.
            found: Address of `FIELDS` times units float64 numbers, which are written.
            other: Booleans if `MARKED`, what arrived (of the dtype of `values`) if `LESSENED`.

        Returns:
            How many values are not finite.
        """
        there = 0 if other is None else other.data_ptr()
        return self._reduce[form.is_long](
            _ADDRESSES.pack(values.data_ptr(), there, found) + form.job
        )

    def measure(self, matrices: int, count: int, values: int) -> None:
        """What is read of parameters or gradients, in one call.

        Args:
            matrices: Address of what `matrix` says of each, one after the other.
            count: How many these are.
            values: How many values they have together.
        """
        self._measure[values > _SHORT](matrices, count)

    def compare(self, steps: int, count: int) -> None:
        """What is read of the steps of parameters, in one call.

        Args:
            steps: Address of what `step` says of each, one after the other.
            count: How many these are.
        """
        self._compare(steps, count)


def matrix(
    rows: Tensor,
    lying: tuple[int, int, int, int],
    found: int,
    tolerance: float,
    *,
    sample: Tensor | None,
    apart: int,
    signs: bool,
) -> bytes:
    """A parameter or gradient: its norm, the rows that differ, and how far a row's signs agree.

    Args:
        rows: On the CPU, of a dtype that `reads` affirms.
        lying: How many rows and columns there are, and how far one is from the next, in values.
        found: Address of float64 numbers that are written: `NUMBERS`, and a projection of each row.
        tolerance: Of the projections of rows that count as equal, as a share of the largest; NaN if
            nothing is to be counted.
        sample: Where every `apart`-th value goes, if `rows` is contiguous: in float64, or else in
            float32; None for nowhere.
        apart: How far the values of the sample are from one another.
        signs: Whether it is asked how far they agree.
    """
    return _MATRIX.pack(
        rows.data_ptr(),
        0 if sample is None else sample.data_ptr(),
        found,
        found + 8 * NUMBERS,
        _DTYPES[rows.dtype],
        *lying,
        apart,
        signs,
        tolerance,
    )


def step(after: Tensor, apart: int, before: Tensor, gradient: Tensor | None, found: int) -> bytes:
    """A step: its norm, its product with the gradient, and the share of it that was lost.

    Args:
        after: A parameter, contiguous, of a dtype that `reads` affirms.
        apart: How far the values of a sample are from one another.
        before: The sample before the step, contiguous; in float64, or else in float32.
        gradient: Of its gradient, likewise; None for the norm alone.
        found: Address of `NUMBERS` float64 numbers, which are written.
    """
    return _STEP.pack(
        after.data_ptr(),
        before.data_ptr(),
        0 if gradient is None else gradient.data_ptr(),
        found,
        _DTYPES[after.dtype],
        before.numel(),
        apart,
    )


def _one(function: Any) -> Callable[[bytes], int]:
    """A function of one structure, which returns a count."""
    function.argtypes, function.restype = [ctypes.c_char_p], ctypes.c_int64
    return cast(Callable[[bytes], int], function)


def _table(function: Any) -> Callable[[int, int], None]:
    """A function of several structures, one after the other, and of their number."""
    function.argtypes, function.restype = [ctypes.c_void_p, ctypes.c_int64], None
    return cast(Callable[[int, int], None], function)


def reads(values: Tensor) -> bool:
    """Whether the program reads tensors such as this one, in the memory they lie in.

    Args:
        values: Readable, see `is_readable`.
    """
    return values.dtype in _DTYPES and (
        is_ordinary(values) or (values.is_cpu and not values.is_neg())
    )
