"""How much of what attention over tokens is given says which token it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lifesigns.record.graph.walk import Walk
from lifesigns.record.measure.order_blind import attentions, tables
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.measure.sequence_rows import rows_given


class PendingShare(NamedTuple):
    """The share of the tokens, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The detail of a loss: the share.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        return {"token_share": float(arrays[self.slot].reshape(-1)[0])}


def token_share(pack: Pack, walked: Walk) -> PendingShare | None:
    """How far the rows of one position differ, over how far all rows do; see `Rows.content`.

    Args:
        pack: Where the number waits for the copy.
        walked: The graph.

    Returns:
        None where it is not known what the first attention is given.
    """
    first = next(iter(attentions(walked)), None)
    if first is None:
        return None
    known = (rows_given(walked, first, tokens) for _, tokens in tables(walked))
    rows = next((one for one in known if one is not None), None)
    return None if rows is None else PendingShare(pack.add(rows.content()))
