"""Calls the compiled program."""

from __future__ import annotations

import ctypes
from pathlib import Path
from struct import Struct

import torch
from torch import Tensor

from lifesigns.record.measure.kernel.layout import Layout

FIELDS = 7
"""Numbers found of each unit, see `enum sum` in reduce.c."""
NOWHERE, MARKED, LESSENED = range(3)
"""`enum criterion`: nothing is saturated; what a byte marks; what is less than what arrived."""

_JOB = Struct("3Q8qd")
"""`struct job` of reduce.c, where the fields are explained."""
_DTYPES = {torch.float32: 0, torch.float64: 1, torch.float16: 2, torch.bfloat16: 3}
_SHORT = 65_536
"""Values up to which a call is so short that no other thread need be let in meanwhile."""


class Program:
    """The program of reduce.c, loaded.

    Args:
        path: The compiled file.

    Raises:
        OSError: It cannot be loaded.
    """

    def __init__(self, path: Path) -> None:
        self._short = ctypes.PyDLL(str(path)).reduce  # does not give the interpreter away
        self._long = ctypes.CDLL(str(path)).reduce
        for function in (self._short, self._long):
            function.argtypes, function.restype = [ctypes.c_char_p], None

    def reduce(
        self,
        values: Tensor,
        layout: Layout,
        found: int,
        criterion: int = NOWHERE,
        other: Tensor | None = None,
        slope: float = 0.0,
    ) -> None:
        """Sums of `values` over everything but the units.

        Args:
            values: On the CPU, of a dtype that `reads` affirms.
            layout: Of `values`, and of `other` as well.
            found: Address of `FIELDS` times units float64 numbers, which are written.
            criterion: What counts as saturated.
            other: Booleans if `MARKED`, what arrived (of the dtype of `values`) if `LESSENED`.
            slope: The share of what arrived, if `LESSENED`.
        """
        job = _JOB.pack(
            values.data_ptr(),
            0 if other is None else other.data_ptr(),
            found,
            _DTYPES[values.dtype],
            criterion,
            *layout,
            slope,
        )
        (self._short if values.numel() <= _SHORT else self._long)(job)


def reads(values: Tensor) -> bool:
    """Whether the program reads tensors such as this one, in the memory they lie in.

    Args:
        values: Readable, see `is_readable`.
    """
    return values.is_cpu and values.dtype in _DTYPES and not values.is_neg()
