"""Tensors to sums: reduced on their device, copied to the host once per snapshot.

On a CPU the compiled program reduces each tensor at once, where this machine has one. For torch's
operations small tensors of one shape wait for each other and are reduced as one stack: in a deep
narrow network the calls, not the arithmetic, are what they cost. Large ones are reduced at once, so
that no activation or gradient outlives the moment the training needs it. (Side by side, tensors of
other widths could join them; but torch's sum of a column depends on how many stand beside it.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.operations import AT_ZERO, AtZero
from lifesigns.record.measure.kernel import (
    FIELDS,
    LESSENED,
    MARKED,
    NOWHERE,
    ZERO,
    Form,
    Program,
    form,
    program,
    reads,
)
from lifesigns.record.measure.stacks import (
    Lessened,
    arranged_alike,
    arranged_values,
    real,
    stacked_sums,
)
from lifesigns.record.readable import is_ordinary, is_readable
from lifesigns.records import UnitSums

SMALL = 65_536
"""Elements up to which a tensor waits to be reduced together with others of its shape."""

BLOCK = 8192
"""Numbers for which there is room before a pack asks for more."""

Arrays = list[NDArray[np.float64]]
_NOTHING = np.empty(0)


class Stacked(NamedTuple):
    """Where the sums of several tensors of one shape are, each `[tensors, units]`."""

    observations: int
    total: int
    total_squared: int
    minimum: int
    maximum: int
    active: int
    saturated: int | None
    nonfinite: int | None

    def sums(self, arrays: Arrays, row: int, units: int) -> UnitSums:
        """The sums of one tensor.

        Args:
            arrays: What the pack brought to the host, by slot.
            row: Its number in the stack.
            units: How many it has.
        """

        def pick(slot: int) -> NDArray[np.float64]:
            return arrays[slot][row * units : (row + 1) * units]

        def counts(slot: int | None) -> NDArray[np.int64]:
            return np.zeros(units, np.int64) if slot is None else pick(slot).astype(np.int64)

        nonfinite = counts(self.nonfinite)
        return UnitSums(
            count=self.observations - nonfinite,
            total=pick(self.total),
            total_squared=pick(self.total_squared),
            active=counts(self.active),
            saturated=counts(self.saturated),
            minimum=pick(self.minimum),
            maximum=pick(self.maximum),
            nonfinite=nonfinite,
        )

    def has_nonfinite(self, arrays: Arrays, row: int, units: int) -> bool:
        """Whether some value of a tensor is not finite; the arguments are those of `sums`."""
        slot = self.nonfinite
        return slot is not None and bool(arrays[slot][row * units : (row + 1) * units].any())


class Single(NamedTuple):
    """Where the program has put the sums of one tensor, `[FIELDS, units]`."""

    slot: int

    def sums(self, arrays: Arrays, row: int, units: int) -> UnitSums:
        """The sums of the tensor.

        Args:
            arrays: What the pack brought to the host, by slot.
            row: Where its first number is.
            units: How many it has.
        """
        found = arrays[self.slot][row : row + FIELDS * units].reshape(FIELDS, units)
        total, total_squared, minimum, maximum = found[:4]
        count, active, saturated, nonfinite = found[4:].astype(np.int64)
        return UnitSums(count, total, total_squared, active, saturated, minimum, maximum, nonfinite)

    def has_nonfinite(self, arrays: Arrays, row: int, units: int) -> bool:
        """Whether some value is not finite; the arguments are those of `sums`."""
        end = row + FIELDS * units
        return bool(arrays[self.slot][end - units : end].any())


_single = lru_cache(maxsize=64)(Single)


@dataclass(slots=True)
class PendingSums:
    """A `UnitSums` that is not on the host yet."""

    units: int
    flat: PendingSums | AtZero | None = None
    """Where the derivative is below 1 % of its maximum, if that needs no counting."""
    row: int = 0
    place: Stacked | Single | None = None
    is_finite: bool = False
    """Whether all values are known to be finite already."""

    def of(self, arrays: Arrays) -> UnitSums:
        """The sums, once the pack has been fetched.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        sums = self._counted(arrays)
        if self.flat is None:
            return sums
        if isinstance(self.flat, PendingSums):
            arrived = self.flat._counted(arrays)
            stopped = arrived.active + arrived.nonfinite - sums.active - sums.nonfinite
            return replace(sums, saturated=np.maximum(stopped, 0))
        return replace(sums, saturated=sums.count - sums.active)

    def has_nonfinite(self, arrays: Arrays) -> bool:
        """Whether some value is not finite.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        if self.is_finite:
            return False
        assert self.place is not None, "the pack was not fetched"
        return self.place.has_nonfinite(arrays, self.row, self.units)

    def _counted(self, arrays: Arrays) -> UnitSums:
        assert self.place is not None, "the pack was not fetched"
        return self.place.sums(arrays, self.row, self.units)


class _Waiting(NamedTuple):
    pending: PendingSums
    values: Tensor
    flat: Tensor | None


class Pack:
    """Collects small tensors and brings them to the host in one copy per device.

    `add` returns a slot; `fetch` returns the arrays by slot. Nothing synchronises before `fetch`.
    """

    def __init__(self) -> None:
        self._numbers: list[Tensor | NDArray[Any]] = []
        self._waiting: dict[tuple[object, ...], list[_Waiting]] = {}
        self.program = program()
        """Reduces what lies on the CPU; None where torch does."""
        self._block, self._slot, self._used, self._address = _NOTHING, -1, 0, 0
        self._size = self._filled = self._wanted = 0

    def add(self, numbers: Tensor | NDArray[Any]) -> int:
        """Keeps a tensor for the copy, or what is on the host already; returns its slot.

        Args:
            numbers: 0-d or 1-d, small, of any dtype that float64 can hold; an array is not copied.
        """
        if isinstance(numbers, Tensor) and numbers.requires_grad:
            numbers = numbers.detach()
        self._numbers.append(numbers)
        return len(self._numbers) - 1

    def sums(
        self,
        values: Tensor,
        unit_dim: int = -1,
        flat: Tensor | Lessened | PendingSums | AtZero | None = None,
        *,
        known: bool = False,
    ) -> PendingSums | None:
        """Sums of `values` over everything but `unit_dim`, in float32 at least.

        Args:
            values: Any shape and dtype; complex values count by magnitude.
            unit_dim: The dimension that holds the units.
            flat: Where the derivative is below 1 % of its maximum: boolean, of the shape of
                `values`; or, if `values` is what passed on of a gradient, where little of it did;
                or `AT_ZERO`; or, if `values` is what a gate let through of a gradient, the sums of
                that gradient: flat is where it stopped.
            known: Whether `values` are known to be ordinary, see `is_ordinary`.

        Returns:
            The pending sums, or None for a tensor that is empty or cannot be read.
        """
        program = self.program
        known = program is not None and (known or is_ordinary(values))
        if known and program is not None and program.knows(values.dtype):
            return self._run(program, values, unit_dim, flat) if values.numel() else None
        if not is_readable(values) or values.numel() == 0:
            return None
        plain = values.detach() if values.requires_grad else values
        if program is not None and plain.is_cpu:
            plain = plain if reads(plain) else real(plain).resolve_neg()
            return self._run(program, plain, unit_dim, flat)
        if isinstance(flat, Lessened):
            flat = flat.mask(plain)
        arranged = arranged_values(real(plain), unit_dim)
        counted = arranged_alike(flat, arranged, unit_dim) if isinstance(flat, Tensor) else None
        pending = PendingSums(arranged.shape[1], None if isinstance(flat, Tensor) else flat)
        waiting = _Waiting(pending, arranged, counted)
        if values.numel() > SMALL:
            self._reduce([waiting])
        else:
            key = (arranged.shape, arranged.dtype, arranged.device, counted is None)
            self._waiting.setdefault(key, []).append(waiting)
        return pending

    def _run(
        self,
        program: Program,
        values: Tensor,
        unit_dim: int,
        flat: Tensor | Lessened | PendingSums | AtZero | None,
    ) -> PendingSums:
        """Lets the program reduce a tensor at once: it need not wait for others."""
        criterion, other, slope = NOWHERE, None, 0.0
        if isinstance(flat, Tensor):
            criterion, other, flat = MARKED, flat, None
        elif flat is AT_ZERO:
            criterion, flat = ZERO, None
        elif isinstance(flat, Lessened):
            criterion, (other, slope), flat = LESSENED, flat, None
            if other.dtype != values.dtype or other.is_neg():
                other = real(other).to(values.dtype).resolve_neg()
        values, other, known = _side_by_side(values, other, unit_dim, criterion, slope)
        slot, first, found = self.room(FIELDS * known.units)
        nonfinite = program.reduce(values, known, found, other)
        return PendingSums(known.units, flat, first, _single(slot), not nonfinite)

    def room(self, numbers: int) -> tuple[int, int, int]:
        """Room for numbers in float64 that the program writes, and `fetch` brings.

        Args:
            numbers: How many.

        Returns:
            Their slot, the position of the first in it, and its address.
        """
        first = self._used
        if self._slot < 0 or first + numbers > self._size:
            self._trim()
            self._make_room(numbers)
            self._slot, first = self.add(self._block), 0
        self._used = first + numbers
        return self._slot, first, self._address + 8 * first

    def give_back(self, numbers: int) -> None:
        """The room that was asked for last is free again.

        Args:
            numbers: How many it was for.
        """
        self._used -= numbers

    def _make_room(self, numbers: int) -> None:
        """Begins a block: that of the last time, unless it was too small then or is so now."""
        wanted = max(numbers, self._wanted, BLOCK)
        if self._slot >= 0 or self._size < wanted:
            self._size = wanted
            self._block = np.empty(self._size)
            self._address = self._block.__array_interface__["data"][0]

    def _trim(self) -> None:
        if self._slot >= 0:
            self._numbers[self._slot] = self._block[: self._used].copy()
            self._filled += self._used

    def flush(self) -> None:
        """Reduces what waits."""
        waiting, self._waiting = self._waiting, {}
        for group in waiting.values():
            self._reduce(group)

    def fetch(self) -> Arrays:
        """All numbers, flattened, as float64, in the order of `add`."""
        self.flush()
        self._trim()
        arrays, elsewhere = [], []
        for slot, numbers in enumerate(self._numbers):
            arrays.append(_array(numbers))
            if isinstance(numbers, Tensor) and not numbers.is_cpu:
                elsewhere.append((slot, numbers))
        for slots, lengths, host in _copied(elsewhere):
            end = 0
            for slot, length in zip(slots, lengths, strict=True):
                start, end = end, end + length
                arrays[slot] = host[start:end]
        self._wanted = self._filled
        self.clear()
        return arrays

    def clear(self) -> None:
        """Forgets all numbers; the room that they had is used again."""
        self._numbers.clear()
        self._waiting.clear()
        self._slot, self._used, self._filled = -1, 0, 0

    def _reduce(self, group: list[_Waiting]) -> None:
        flat = [w.flat for w in group if w.flat is not None]
        found = stacked_sums([w.values for w in group], flat)
        slots = (None if sums is None else self.add(sums) for sums in found)
        first = group[0].values
        stacked = Stacked(first.numel() // first.shape[1], *slots)  # type: ignore[arg-type]
        for row, waiting in enumerate(group):
            waiting.pending.row, waiting.pending.place = row, stacked


def _array(numbers: Tensor | NDArray[Any]) -> NDArray[np.float64]:
    """Numbers on the host as an array; nothing yet of a tensor elsewhere."""
    if not isinstance(numbers, Tensor):
        return numbers.astype(np.float64, copy=False)
    if not numbers.is_cpu:
        return _NOTHING
    if numbers.dim() == 0:
        return np.array([numbers.item()], np.float64)
    return _on_host(numbers)


def _on_host(tensor: Tensor) -> NDArray[np.float64]:
    """A copy of a tensor on the host; NumPy has no bfloat16."""
    return np.array(tensor.double().numpy().reshape(-1))


def _copied(
    tensors: list[tuple[int, Tensor]],
) -> Iterator[tuple[list[int], list[int], NDArray[np.float64]]]:
    """Slots and lengths, and all numbers of a device on the host, in one copy where it can."""
    alike: dict[tuple[torch.device, torch.dtype], list[tuple[int, Tensor]]] = {}
    for slot, tensor in tensors:
        alike.setdefault((tensor.device, tensor.dtype), []).append((slot, tensor))
    copies: dict[object, list[tuple[int, Tensor]]] = {}
    wholes: dict[object, list[Tensor]] = {}
    for (device, dtype), group in alike.items():
        whole = torch.cat([tensor.reshape(-1) for _, tensor in group])
        narrow = device.type == "mps"  # which has no float64
        key = (device, dtype) if narrow else device
        copies.setdefault(key, []).extend(group)
        wholes.setdefault(key, []).append(whole if narrow else whole.double())
    for where, group in copies.items():
        host = _on_host(torch.cat(wholes[where]).cpu())
        yield [slot for slot, _ in group], [tensor.numel() for _, tensor in group], host


def _side_by_side(
    values: Tensor, other: Tensor | None, unit_dim: int, criterion: int, slope: float
) -> tuple[Tensor, Tensor | None, Form]:
    """Both tensors in one form that the program knows; copied if they lie otherwise."""
    shape, strides = values.shape, values.stride()
    known = form(shape, strides, values.dtype, unit_dim, criterion, slope)
    if other is not None and other.shape != shape:
        other = other.reshape(shape)
    if known is None or (other is not None and other.stride() != strides):
        values = values.contiguous()
        other = None if other is None else other.contiguous()
        known = form(shape, values.stride(), values.dtype, unit_dim, criterion, slope)
    assert known is not None
    return values, other, known
