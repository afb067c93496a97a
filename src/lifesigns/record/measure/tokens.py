"""The tokens that a network is given: how many different ones they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved, shape_of
from lifesigns.record.measure.reduce import Arrays, Pack
from lifesigns.record.readable import is_readable
from lifesigns.records import Shape, TokenReading

LOOKUPS = frozenset({"Embedding", "EmbeddingBag"})
"""Nodes that look tokens up in a table."""


@dataclass(frozen=True)
class PendingTokens:
    """A reading whose numbers are still to be copied."""

    shape: Shape
    table: int
    slot: int

    def of(self, arrays: Arrays) -> TokenReading:
        """The reading.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        lowest, highest, two = map(int, arrays[self.slot])
        return TokenReading(self.shape, self.table, lowest, highest, bool(two))


def read_tokens(pack: Pack, walked: Walk, batch: Tensor | None) -> PendingTokens | None:
    """Reads what a network is given, if it is looked up in a table as it is.

    Args:
        pack: Where numbers wait for the copy.
        walked: The graph of the loss.
        batch: The first input of the network.
    """
    if batch is None or not batch.numel() or batch.dtype not in (torch.int64, torch.int32):
        return None
    table = next(filter(None, (_table(walked, i, batch) for i in range(len(walked)))), 0)
    if not table:
        return None
    lowest, highest = torch.aminmax(batch)
    two = ((batch == lowest) | (batch == highest)).all()
    return PendingTokens(
        shape_of(batch), table, pack.add(torch.stack([lowest, highest, two.to(batch.dtype)]))
    )


def _table(walked: Walk, index: int, batch: Tensor) -> int:
    """Rows of the table in which a node looks up the batch; 0 where it does not."""
    if walked.names[index] not in LOOKUPS:
        return 0
    table, tokens = walked.inputs[index][0], saved(walked.nodes[index], "indices")
    if table is None or table >= 0 or not isinstance(tokens, Tensor) or not is_readable(tokens):
        return 0
    is_same = tokens.numel() == batch.numel() and tokens.data_ptr() == batch.data_ptr()
    return shape_of(walked.leaves[-1 - table])[0] if is_same else 0
