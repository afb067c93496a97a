"""Tensors to sums: reduced on their device, copied to the host once per snapshot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.records import UnitSums


class Pack:
    """Collects small tensors and brings them to the host in one copy per device and dtype.

    `add` returns a slot; `fetch` returns the arrays by slot. Nothing synchronises before `fetch`.
    """

    def __init__(self) -> None:
        self._tensors: list[Tensor] = []

    def add(self, tensor: Tensor) -> int:
        """Keeps a tensor for the copy; returns its slot."""
        self._tensors.append(tensor.detach())
        return len(self._tensors) - 1

    def fetch(self) -> list[NDArray[np.float64]]:
        """Every tensor, flattened, as float64, in the order of `add`."""
        arrays: list[NDArray[np.float64]] = [np.empty(0)] * len(self._tensors)
        groups: dict[tuple[torch.device, torch.dtype], list[int]] = {}
        for slot, tensor in enumerate(self._tensors):
            groups.setdefault((tensor.device, tensor.dtype), []).append(slot)
        for slots in groups.values():
            flat = torch.cat([self._tensors[s].reshape(-1) for s in slots])
            host = flat.cpu().numpy().astype(np.float64)
            ends = np.cumsum([self._tensors[s].numel() for s in slots])
            for slot, part in zip(slots, np.split(host, ends[:-1]), strict=True):
                arrays[slot] = part
        self._tensors.clear()
        return arrays


@dataclass(frozen=True)
class PendingSums:
    """Slots of a `UnitSums` that is still on the device."""

    count: int
    total: int
    total_squared: int
    minimum: int
    maximum: int
    active: int
    saturated: int | None
    nonfinite: int | None
    units: int

    def of(self, arrays: list[NDArray[np.float64]]) -> UnitSums:
        """The sums, once the pack has been fetched."""
        zeros = np.zeros(self.units, np.int64)
        nonfinite = zeros if self.nonfinite is None else arrays[self.nonfinite].astype(np.int64)
        saturated = zeros if self.saturated is None else arrays[self.saturated].astype(np.int64)
        return UnitSums(
            count=self.count - nonfinite,
            total=arrays[self.total],
            total_squared=arrays[self.total_squared],
            active=arrays[self.active].astype(np.int64),
            saturated=saturated,
            minimum=arrays[self.minimum],
            maximum=arrays[self.maximum],
            nonfinite=nonfinite,
        )


def unit_sums(
    pack: Pack, values: Tensor, unit_dim: int, flat: Tensor | None = None
) -> PendingSums | None:
    """Sums of `values` over everything but `unit_dim`, in float32 at least.

    Args:
        pack: Where the reduced tensors wait for the copy.
        values: Any shape and floating or integer dtype; complex values count by magnitude.
        unit_dim: The dimension that holds the units.
        flat: Boolean, of the shape of `values`: where the derivative is below 1 % of its maximum.

    Returns:
        The slots, or None for an empty tensor.
    """
    if values.numel() == 0:
        return None
    rows = _rows(values.detach(), unit_dim)
    units = rows.shape[1]
    squared = torch.linalg.vector_norm(rows, dim=0).square()
    finite = None
    if rows.device.type != "cpu" or not torch.isfinite(squared).all():
        finite = torch.isfinite(rows)
        kept = torch.where(finite, rows, torch.zeros((), dtype=rows.dtype, device=rows.device))
        wide = kept.double() if rows.device.type == "cpu" else kept
        squared = wide.square().sum(0)
        low = torch.where(finite, rows, torch.inf).amin(0)
        high = torch.where(finite, rows, -torch.inf).amax(0)
        rows = kept
    else:
        low, high = torch.aminmax(rows, dim=0)
    mask = None if flat is None else _rows(flat, unit_dim)
    return PendingSums(
        count=rows.shape[0],
        total=pack.add(rows.sum(0)),
        total_squared=pack.add(squared),
        minimum=pack.add(low),
        maximum=pack.add(high),
        active=pack.add(torch.count_nonzero(rows, dim=0)),
        saturated=None if mask is None else pack.add(torch.count_nonzero(mask, dim=0)),
        nonfinite=None if finite is None else pack.add(torch.count_nonzero(~finite, dim=0)),
        units=units,
    )


def _rows(values: Tensor, unit_dim: int) -> Tensor:
    """`values` as `[observations, units]`, floating point."""
    if values.is_complex():
        values = values.abs()
    if values.dtype not in (torch.float32, torch.float64, torch.bool):
        values = values.float()
    if values.dim() == 0:
        return values.reshape(1, 1)
    if values.dim() == 1:
        return values.reshape(-1, 1)
    return values.movedim(unit_dim, -1).reshape(-1, values.shape[unit_dim])
