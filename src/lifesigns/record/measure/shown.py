"""Which networks the recorded batches are given to, and where in them the features lie."""

from __future__ import annotations

import weakref

import numpy as np
import torch
from torch import Tensor, nn

from lifesigns.record.measure.reduce import Arrays, Pack, PendingSums
from lifesigns.record.measure.trained_rows import TrainedRows
from lifesigns.record.readable import is_readable
from lifesigns.records.evaluations import MOST_FEATURES, OwnScale, Scales, own_scale

Kind = tuple[torch.dtype, int, int]
"""Type, dimensions and features of batches."""
MOST_VALUES = 2**20
"""Values of a batch that are looked at, in whole samples from its beginning."""


class Shown:
    """Remembers the network, as long as it is the only one that batches were recorded of.

    Of several each is remembered by itself: what one of them is given says nothing of another.
    """

    def __init__(self) -> None:
        self._network: weakref.ref[nn.Module] | None = None
        self._dim = -1
        self._kind: Kind | None = None
        self._is_only = True
        self._each: weakref.WeakKeyDictionary[nn.Module, tuple[int, int, Kind]] = (
            weakref.WeakKeyDictionary()
        )
        """Of each network its number, the dimension of its features, and what it is given."""
        self._networks = 0
        self._rows = TrainedRows()

    def note(self, network: weakref.ref[nn.Module] | None, batch: Tensor, dim: int) -> int:
        """A batch was recorded.

        Args:
            network: What it was given to; None where that is not known.
            batch: Of floating-point numbers.
            dim: The dimension of its features.

        Returns:
            The number of the network, in the order they were first seen, from 0; -1 for none.
        """
        number = self._number(None if network is None else network(), batch, dim)
        known = self._network
        if known is not None and network is not None and known() not in (None, network()):
            self._is_only = False
        if known is None or network is None or known() is not network():
            self._rows = TrainedRows()  # such as the next fold's
        self._network, self._dim, self._kind = network, dim, _kind(batch, dim)
        if is_readable(batch):
            self._rows.note(batch)
        return number

    def _number(self, network: nn.Module | None, batch: Tensor, dim: int) -> int:
        if network is None:
            return -1
        if (known := self._each.get(network)) is None:
            number, self._networks = self._networks, self._networks + 1
        else:
            number = known[0]
        self._each[network] = number, dim, _kind(batch, dim)
        return number

    def beside(
        self, network: nn.Module, batch: Tensor, pack: Pack
    ) -> tuple[int, PendingSums] | None:
        """The number of one of several networks, and sums of a batch by features.

        Args:
            network: What it is given to.
            batch: Whole.
            pack: Where they wait for the copy.

        Returns:
            None where there is one network alone, or the recorded batches of this one are of
            another kind.
        """
        known = self._each.get(network) if self._networks > 1 and batch.dim() > 1 else None
        if known is None or not len(batch) or _kind(batch, known[1]) != known[2]:
            return None
        sums = _sums(batch, known[1], pack)
        return None if sums is None else (known[0], sums)

    def alike(self, network: nn.Module, batch: Tensor, pack: Pack) -> PendingSums | None:
        """Sums of another batch, by features; None where it is none of the same kind.

        Args:
            network: What it is given to.
            batch: Whole.
            pack: Where they wait for the copy.
        """
        known = None if self._network is None else self._network()
        if known is not network or not self._is_only or batch.dim() < 2:
            return None
        if _kind(batch, self._dim) != self._kind or not len(batch):
            return None
        return _sums(batch, self._dim, pack)

    def strangers(self, batch: Tensor, pack: Pack) -> int | None:
        """The slot that tells whether a whole table holds no row that was trained on.

        Args:
            batch: Of the same kind as those of the training.
            pack: Where the number waits for the copy.

        Returns:
            None where that is not known, or the table is too large to be looked at whole.
        """
        if batch.numel() > MOST_VALUES:
            return None
        found = self._rows.strangers(batch)
        return None if found is None else pack.add(found)


def _sums(batch: Tensor, dim: int, pack: Pack) -> PendingSums | None:
    per_sample = max(batch[0].numel(), 1)
    return pack.sums(batch[: max(1, MOST_VALUES // per_sample)], dim)


def _kind(batch: Tensor, dim: int) -> Kind:
    """What batches of one kind have in common: images may be of any size, sequences of any length.

    Args:
        batch: Of any shape but that of a number.
        dim: The dimension of its features.
    """
    return batch.dtype, batch.dim(), batch.shape[dim]


def scales(pending: PendingSums, arrays: Arrays) -> Scales:
    """Means and deviations.

    Args:
        pending: Sums.
        arrays: What the pack brought to the host in which they waited.
    """
    sums = pending.of(arrays)
    stride = -(-sums.units // MOST_FEATURES)
    deviation = np.sqrt(sums.variance)
    return Scales(int(sums.count.max()), sums.mean[::stride], deviation[::stride])


def scaled_apart(pending: PendingSums, strangers: int | None, arrays: Arrays) -> OwnScale | None:
    """What a table that was not trained on has of a scale of its own.

    Args:
        pending: Its sums.
        strangers: The slot that tells whether no row of it was trained on; None if not known.
        arrays: What the pack brought to the host in which they waited.
    """
    is_known = strangers is not None and bool(arrays[strangers].all())
    return own_scale(pending.of(arrays)) if is_known else None
