"""Tensors to sums: reduced on their device, copied to the host once per snapshot.

Small tensors of one shape wait for each other and are reduced as one stack: in a deep narrow
network the calls, not the arithmetic, are what recording costs. Large ones are reduced at once, so
that no activation or gradient outlives the moment the training needs it. (Side by side, tensors of
other widths could join them; but torch's sum of a column depends on how many stand beside it.)

What is counted is counted in the values' own dtype: on a CPU a comparison whose result is boolean
takes ten times as long as one whose result is 0.0 or 1.0, and so does the sum of booleans.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.operations import AT_ZERO, AtZero
from lifesigns.record.readable import is_readable, no_gradients, without_modes
from lifesigns.records import UnitSums

SMALL = 65_536
"""Elements up to which a tensor waits to be reduced together with others of its shape."""

UNDERFLOW = 1e-37
"""Sums of squares below this have lost digits in float32: elements below 1e-19."""

WIDE = 32
"""Units from which two reductions are faster than one that finds both extremes."""

FOLDS = 64
"""Observations of few units that stand side by side while extremes are looked for."""

COUNTABLE = 1 << 24
"""Ones up to which a float32 adds up every one of them."""

Arrays = list[NDArray[np.float64]]


@contextmanager
def measuring() -> Iterator[None]:
    """Neither gradients nor autocast: sums are in float32 whatever the user's code runs in.

    Nor a tensor class's own code, or a mode's: what is computed here is nothing of theirs.
    """
    with torch._C.DisableTorchFunction(), no_gradients(), without_modes():
        devices = [device for device in ("cpu", "cuda") if torch.is_autocast_enabled(device)]
        if not devices:
            yield
            return
        with ExitStack() as stack:
            for device in devices:
                stack.enter_context(torch.autocast(device, enabled=False))
            yield


class Slots(NamedTuple):
    """Where the sums of several tensors of one shape are, each `[tensors, units]`."""

    observations: int
    total: int
    total_squared: int
    minimum: int
    maximum: int
    active: int
    saturated: int | None
    nonfinite: int | None


@dataclass
class PendingSums:
    """A `UnitSums` that is still on the device: one row of a stack."""

    units: int
    flat: PendingSums | AtZero | None = None
    """Where the derivative is below 1 % of its maximum, if that needs no counting."""
    row: int = 0
    slots: Slots | None = None

    def of(self, arrays: Arrays) -> UnitSums:
        """The sums, once the pack has been fetched.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        assert self.slots is not None, "the pack was not fetched"
        slots = self.slots
        nonfinite = self._counts(arrays, slots.nonfinite)
        active, count = self._counts(arrays, slots.active), slots.observations - nonfinite
        return UnitSums(
            count=count,
            total=self._pick(arrays, slots.total),
            total_squared=self._pick(arrays, slots.total_squared),
            active=active,
            saturated=self._saturated(arrays, count, active),
            minimum=self._pick(arrays, slots.minimum),
            maximum=self._pick(arrays, slots.maximum),
            nonfinite=nonfinite,
        )

    def _saturated(
        self, arrays: Arrays, count: NDArray[np.int64], active: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        if self.flat is AT_ZERO:
            return count - active
        if isinstance(self.flat, PendingSums):
            stopped = self.flat.different_from_zero(arrays) - self.different_from_zero(arrays)
            return stopped.clip(0)
        return self._counts(arrays, None if self.slots is None else self.slots.saturated)

    def different_from_zero(self, arrays: Arrays) -> NDArray[np.int64]:
        """How many observations of each unit are not 0, with those that are not finite.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        assert self.slots is not None, "the pack was not fetched"
        return self._counts(arrays, self.slots.active) + self._counts(arrays, self.slots.nonfinite)

    def _pick(self, arrays: Arrays, slot: int) -> NDArray[np.float64]:
        return arrays[slot][self.row * self.units : (self.row + 1) * self.units]

    def _counts(self, arrays: Arrays, slot: int | None) -> NDArray[np.int64]:
        if slot is None:
            return np.zeros(self.units, np.int64)
        return self._pick(arrays, slot).astype(np.int64)


class _Waiting(NamedTuple):
    pending: PendingSums
    values: Tensor
    flat: Tensor | None


class Pack:
    """Collects small tensors and brings them to the host in one copy per device and dtype.

    `add` returns a slot; `fetch` returns the arrays by slot. Nothing synchronises before `fetch`.
    """

    def __init__(self) -> None:
        self._tensors: list[Tensor] = []
        self._waiting: dict[tuple[object, ...], list[_Waiting]] = {}

    def add(self, tensor: Tensor) -> int:
        """Keeps a tensor for the copy; returns its slot.

        Args:
            tensor: 0-d or 1-d, small, of any dtype that float64 can hold.
        """
        self._tensors.append(tensor.detach() if tensor.requires_grad else tensor)
        return len(self._tensors) - 1

    def sums(
        self,
        values: Tensor,
        unit_dim: int = -1,
        flat: Tensor | PendingSums | AtZero | None = None,
    ) -> PendingSums | None:
        """Sums of `values` over everything but `unit_dim`, in float32 at least.

        Args:
            values: Any shape and dtype; complex values count by magnitude.
            unit_dim: The dimension that holds the units.
            flat: Where the derivative is below 1 % of its maximum: boolean, of the shape of
                `values`; or `AT_ZERO`; or, if `values` is what a gate let through of a gradient,
                the sums of that gradient: flat is where it stopped.

        Returns:
            The pending sums, or None for a tensor that is empty or cannot be read.
        """
        if not is_readable(values) or values.numel() == 0:
            return None
        plain = values.detach() if values.requires_grad else values
        arranged = _arranged(_real(plain), unit_dim)
        counted = _arranged(flat, unit_dim) if isinstance(flat, Tensor) else None
        pending = PendingSums(arranged.shape[1], None if isinstance(flat, Tensor) else flat)
        waiting = _Waiting(pending, arranged, counted)
        if values.numel() > SMALL:
            self._reduce([waiting])
        else:
            key = (arranged.shape, arranged.dtype, arranged.device, counted is None)
            self._waiting.setdefault(key, []).append(waiting)
        return pending

    def flush(self) -> None:
        """Reduces what waits."""
        waiting, self._waiting = self._waiting, {}
        for group in waiting.values():
            self._reduce(group)

    def fetch(self) -> Arrays:
        """Every tensor, flattened, as float64, in the order of `add`."""
        self.flush()
        arrays: Arrays = [np.empty(0)] * len(self._tensors)
        groups: dict[tuple[torch.device, torch.dtype], list[int]] = {}
        for slot, tensor in enumerate(self._tensors):
            groups.setdefault((tensor.device, tensor.dtype), []).append(slot)
        for slots in groups.values():
            tensors = [
                t if t.dim() == 1 else t.reshape(-1) for t in map(self._tensors.__getitem__, slots)
            ]
            host = torch.cat(tensors).cpu().double().numpy()  # NumPy has no bfloat16
            end = 0
            for slot, tensor in zip(slots, tensors, strict=True):
                start, end = end, end + len(tensor)
                arrays[slot] = host[start:end]
        self._tensors.clear()
        return arrays

    def _reduce(self, group: list[_Waiting]) -> None:
        values = _stacked([w.values for w in group])
        dims = (1, 3) if values.dim() == 4 else (1,)
        work = values * values
        squared, finite = work.sum(dims), None
        if values.device.type == "cpu" and bool(np.isfinite(squared.numpy()).all()):
            low, high = _extremes(values, dims)
            active = _nonzero(values, dims, work)
            tiny = squared.numpy() < UNDERFLOW
            if tiny.any() and active.numpy()[tiny].any():
                squared = values.double().square().sum(dims)
        else:
            finite = torch.isfinite(values)
            low = values.masked_fill(~finite, torch.inf).amin(dims)
            high = values.masked_fill(~finite, -torch.inf).amax(dims)
            values = values.masked_fill(~finite, 0.0)
            active = _nonzero(values, dims, work)
            squared = (values.double() if values.is_cpu else values).square().sum(dims)
        flat = None
        if group[0].flat is not None:
            flat = _stacked([w.flat for w in group if w.flat is not None])
            flat = flat if finite is None else flat & finite
        slots = Slots(
            observations=values[0].numel() // values.shape[2],
            total=self.add(values.sum(dims)),
            total_squared=self.add(squared),
            minimum=self.add(low),
            maximum=self.add(high),
            active=self.add(active),
            saturated=None if flat is None else self.add(torch.count_nonzero(flat, dim=dims)),
            nonfinite=None if finite is None else self.add(torch.count_nonzero(~finite, dim=dims)),
        )
        for row, waiting in enumerate(group):
            waiting.pending.row, waiting.pending.slots = row, slots


def _stacked(values: list[Tensor]) -> Tensor:
    return values[0].unsqueeze(0) if len(values) == 1 else torch.stack(values)


def _nonzero(values: Tensor, dims: tuple[int, ...], work: Tensor) -> Tensor:
    """How many values of each unit are not 0; `work` is overwritten."""
    if values[0].numel() > COUNTABLE * values.shape[2]:
        return torch.count_nonzero(values, dim=dims)
    return torch.ne(values, 0, out=work).sum(dims)


def _extremes(values: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Minimum and maximum of each unit, by the fastest of three ways (tenfold, on a CPU)."""
    tensors, observations, units = values.shape[:3]
    if len(dims) > 1 or units >= WIDE:
        return values.amin(dims), values.amax(dims)
    folds = math.gcd(observations, FOLDS)
    if observations <= FOLDS or folds * units < WIDE or not values.is_contiguous():
        low, high = torch.aminmax(values, dim=1)
        return low, high
    folded = values.view(tensors, observations // folds, folds * units)
    low, high = folded.amin(1), folded.amax(1)
    return (
        low.view(tensors, folds, units).amin(1),
        high.view(tensors, folds, units).amax(1),
    )


def _real(values: Tensor) -> Tensor:
    """Values in float32 or float64."""
    if values.is_complex():
        values = values.abs()
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def _arranged(values: Tensor, unit_dim: int) -> Tensor:
    """Values as `[observations, units]`, or `[samples, units, places]` where that takes no copy."""
    if values.dim() == 2 and unit_dim in (-1, 1):
        return values
    if values.dim() < 2:
        return values.reshape(-1, 1)
    units, places = values.shape[unit_dim], math.prod(values.shape[unit_dim:][1:])
    if unit_dim > 0 and places > 1 and values.is_contiguous():
        return values.reshape(-1, units, places)
    return values.movedim(unit_dim, -1).reshape(-1, units)
