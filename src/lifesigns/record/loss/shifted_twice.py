"""Whether targets are the tokens two places on: moved by the data, and once more by the loss."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.ends import MOST_ELEMENTS, laid_out
from lifesigns.record.measure.reduce import Pack


class PendingShift(NamedTuple):
    """What the targets of a loss are among its tokens, still on the device."""

    slots: tuple[int, ...]
    """Of each lookup of tokens and layout of the targets."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: how many targets are the token two places on; 0 where not all are.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        for slot in self.slots:
            is_two, others, number = arrays[slot].tolist()
            if is_two and others:
                return {"two_ahead": number}
        return {"two_ahead": 0.0}


def shifted_twice(pack: Pack, walked: Walk) -> PendingShift | None:
    """Compares the targets of a loss with the tokens two places on, and with the next ones.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph.

    Returns:
        None where no tokens are laid out as targets may be, and where several losses may ask for
        several places.
    """
    found = [i for i, name in enumerate(walked.names) if name.startswith("NllLoss")]
    target = saved(walked.nodes[found[0]], "target") if len(found) == 1 else None
    if target is None or target.numel() > MOST_ELEMENTS:
        return None
    layouts = list(laid_out(walked, target))
    ignored, slots = saved(walked.nodes[found[0]], "ignore_index"), []
    for tokens, moved_once in layouts:
        wanted = moved_once[:, :-1]
        counts = (wanted >= 0) & (wanted != ignored)
        is_two = ((wanted == tokens[:, 2:]) | ~counts).all() & counts.any()
        if is_two.is_cpu and not bool(is_two):
            continue
        others = ((wanted != tokens[:, 1:-1]) & counts).any()
        numbers = [number.double() for number in (is_two, others, counts.sum())]
        slots.append(pack.add(torch.stack(numbers)))
    return PendingShift(tuple(slots)) if layouts else None
