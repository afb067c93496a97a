"""Whether a loss counts the words that a network is shown, and none of those that are hidden."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.ends import MOST_ELEMENTS, how_often
from lifesigns.record.loss.inverted_mask import counted_places, left_by
from lifesigns.record.loss.sources import PASSING, source
from lifesigns.record.measure.looking_ahead import TOKENS
from lifesigns.record.measure.reduce import Pack

FEWEST = 32
"""Tokens from which it shows what is left out."""
MOST = 0.5
"""Share of the words left out that one and the same token stands for: of BERT's it is 0.8."""


class PendingHidden(NamedTuple):
    """Words that a loss leaves out, still on the device."""

    slots: tuple[int, ...]
    """Of each loss of tokens, lookup and layout."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: how many words are hidden and do not count; 0 where that is not so.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        found = (
            number for is_so, number in (arrays[slot].tolist() for slot in self.slots) if is_so
        )
        return {"hidden_uncounted": max(found, default=0.0)}


def hidden_words(pack: Pack, walked: Walk) -> PendingHidden | None:
    """Looks for a loss that asks at each place for the token that was looked up there.

    What it leaves out between those, in its row and in its column, is hidden if most of it is one
    token, which stands at no place that counts, and at different places in different rows.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph.

    Returns:
        None where no token is looked up for each target.

    Cost: some comparisons of whole numbers, as many as there are targets.
    """
    looked_up = [i for i, name in enumerate(walked.names) if name == TOKENS]
    losses = [i for i, name in enumerate(walked.names) if name.startswith("NllLoss")]
    slots, is_known = [], False
    for node in looked_up if losses else ():
        tokens = saved(walked.nodes[node], "indices")
        if tokens is None or tokens.dim() != 2 or not FEWEST <= tokens.numel() <= MOST_ELEMENTS:
            continue
        kinds = int(walked.nodes[node]._saved_weight_sym_argsize_0)
        for given, wanted, counts in _laid_out(walked, losses, tokens):
            is_known = True
            is_own = ((wanted == given) | ~counts).all() & counts.any() & ~counts.all()
            if not is_own.is_cpu or bool(is_own):
                slots.append(pack.add(_told(given, counts, is_own, kinds)))
    return PendingHidden(tuple(slots)) if is_known else None


def _laid_out(
    walked: Walk, losses: list[int], tokens: Tensor
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Tokens, rows first or places, what each loss asks for there, and where it counts."""
    for at in losses:
        target = saved(walked.nodes[at], "target")
        if target is None or target.device != tokens.device or not target.numel():
            continue
        for given in (tokens, tokens.t()):
            if target.numel() == tokens.numel():
                wanted = target.reshape(given.shape)
                yield given, wanted, _counted(walked, at, wanted)
            elif (places := _picked(walked, at)) is not None and places.numel() == tokens.numel():
                counts = places.reshape(given.shape)
                yield given, torch.zeros_like(given).masked_scatter(counts, target), counts


def _counted(walked: Walk, at: int, wanted: Tensor) -> Tensor:
    """Where a loss counts: not where its target is ignored, nor where a mask stands above it."""
    ignored = int(saved(walked.nodes[at], "ignore_index"))
    counts = (wanted >= 0) & (wanted != ignored)
    above = counted_places(walked) if walked.shape(at) else None
    if above is not None and above.numel() == counts.numel():
        counts = counts & above.reshape(counts.shape)
    return counts


def _picked(walked: Walk, at: int) -> Tensor | None:
    """The places whose scores a mask picks for a loss."""
    below = source(walked, at, PASSING | {"LogSoftmax"})
    places = None if below is None or walked.names[below] != "Index" else left_by(walked, below)
    return places if places is not None and places.dim() in (1, 2) else None


def _told(tokens: Tensor, counts: Tensor, is_own: Tensor, kinds: int) -> Tensor:
    """Whether words are hidden where the loss does not count, and how many."""
    out = ~counts & _between(counts) & _between(counts.t()).t()
    often = how_often(tokens, out, kinds)
    cover = (tokens == often.argmax()) & ~counts
    is_most = often.amax() > MOST * out.sum()
    is_nowhere_else = ~((tokens == often.argmax()) & counts).any()
    several = torch.stack([cover.sum(0).amax(), cover.sum(1).amax()]).amin() > 1
    differ = (counts != counts[:1]).any() & (counts != counts[:, :1]).any()
    is_so = is_own & is_most & is_nowhere_else & several & differ
    return torch.stack([is_so.double(), out.sum().double()])


def _between(counts: Tensor) -> Tensor:
    """Which places lie between two that count in their row."""
    return (counts.cumsum(1) > 0) & (counts.flip(1).cumsum(1).flip(1) > 0)
