"""Whether sequences with padding in front are read where their last word stood without it.

A mask has as many ones as a sequence has words, and `mask.sum(1) - 1` is the place of the last word
where the words come first. Behind padding it is a place in the middle of them, or in front of all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.padding import padded
from lifesigns.record.measure.reduce import Pack

SHARE, POSITIONS = "read_early", "read_early_of"
"""Details of a loss: the share of the sequences that are read in front of their last word, and how
many positions they have."""
READS = frozenset({"Gather", "Index"})


class PendingEarly(NamedTuple):
    """Where sequences are read, still on the device."""

    slot: int
    positions: tuple[int, ...]

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        for share, positions in zip(arrays[self.slot], self.positions, strict=True):
            if share > 0:
                return {SHARE: float(share), POSITIONS: float(positions)}
        return {}


def reads_places(walked: Walk) -> bool:
    """Whether a graph reads by an index.

    Args:
        walked: The graph of a loss.
    """
    return not READS.isdisjoint(walked.names)


def read_early(pack: Pack, walked: Walk) -> PendingEarly | None:
    """Compares the place that is read of each sequence with the number of its words.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of a loss.

    Returns:
        None where no padded sequences are read at one place each.
    """
    found = [
        (_early(places, at, rows), places.shape[1])
        for batch in padded(walked)
        for places in (batch.places, batch.places.t())
        for at, rows in _reads(walked, *places.shape)
        if at.device == places.device
    ]
    if not found:
        return None
    shares, positions = zip(*found, strict=True)
    return PendingEarly(pack.add(torch.stack(shares)), positions)


def _reads(walked: Walk, samples: int, length: int) -> Iterator[tuple[Tensor, Tensor | None]]:
    """The place that is read of each sample, and which samples, if that is told beside it."""
    for i, name in enumerate(walked.names):
        if name not in READS or not walked.inputs[i]:
            continue
        node, below = walked.nodes[i], walked.inputs[i][0]
        if below is None or below < 0:
            continue
        given = walked.shape(below, int(node.next_functions[0][1]))
        if given[:2] not in ((samples, length), (length, samples)):
            continue
        axes = (0, 1) if given[:2] == (samples, length) else (1, 0)
        if name == "Gather":
            index = saved(node, "index")
            is_along = saved(node, "dim") in (axes[1], axes[1] - len(given) + 2**64)
            if index is None or index.dim() != len(given):
                continue
            if is_along and index.shape[axes[1]] == 1 and index.shape[axes[0]] == samples:
                one = index.movedim(axes[0], 0).flatten(1)
                yield one[:, 0], None
        else:
            indices = [one for one in saved(node, "indices") or () if one is not None]
            if len(indices) == 2 and all(one.shape == (samples,) for one in indices):
                yield indices[axes[1]], indices[axes[0]]


def _early(places: Tensor, at: Tensor, rows: Tensor | None) -> Tensor:
    """The share of the sequences that are read in front of their end.

    0 unless padding stands in front of the words, and the place is their number, less one.

    Args:
        places: Which are padding, `[samples, positions]`.
        at: `[samples]`.
        rows: The samples, in order; None where that is known.
    """
    words = (~places).sum(1)
    told = (at == words - 1).all() & ~places[:, -1].any() & (words > 0).all()
    if rows is not None:
        told = told & (rows == torch.arange(len(rows), device=rows.device)).all()
    return (words < places.shape[1]).float().mean() * told
