"""Whether a causal mask hides the very tokens that a network is to say."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.operations import ATTENTION_PREFIX
from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.looking_ahead import TOKENS
from lifesigns.record.measure.order_blind import MOST_ELEMENTS, attentions, softmax_of
from lifesigns.record.measure.reduce import Pack
from lifesigns.records import Kind

FEWEST = 8
"""Sequences from which it shows where a target comes from."""
SURE = 0.9
"""Share of the sequences in which a target is the token at one place, where it comes from there."""


class PendingSources(NamedTuple):
    """What is hidden from the positions that are to say it, still on the device."""

    slot: int
    positions: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: how many positions are to say what is hidden from them, of how many.

        Where all sources lie at one distance, the network forecasts, as it should; also where all
        that is hidden does, though some of it may be read off earlier tokens, which are repeated.
        """
        hidden = float(arrays[self.slot].item())
        return {"hidden_sources": hidden, "positions": float(self.positions)} if hidden else {}


def hidden_sources(pack: Pack, walked: Walk, condensed: Condensed) -> PendingSources | None:
    """Looks for targets that are tokens of the input which come later than a mask shows.

    Each target that is, in nearly all sequences, the token at one place of the input is taken to
    come from there.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph.
        condensed: Its sites.

    Returns:
        None where no mask hides what follows, as far as the graph tells, or nothing is compared.
    """
    kinds = {site.kind for site in condensed.graph.sites}
    if kinds & {Kind.CONVOLUTION, Kind.RECURRENT}:
        return None
    masks = [_hides_what_follows(walked, index) for index in attentions(walked)]
    if not masks or not all(mask is True or isinstance(mask, Tensor) for mask in masks):
        return None
    names = list(zip(walked.names, walked.nodes, strict=True))
    losses = [node for name, node in names if name in ("NllLoss", "NllLoss2D")]
    target = saved(losses[0], "target") if len(losses) == 1 else None
    tokens = [saved(node, "indices") for name, node in names if name == TOKENS]
    if target is None:
        return None
    for given in tokens:
        if given is not None and given.dim() == 2 and given.numel() == target.numel():
            wanted = target.reshape(given.shape)
            counts = (wanted >= 0) & (wanted != int(saved(losses[0], "ignore_index")))
            found = _compared(given, wanted, counts)
            if found is None:
                return None
            for mask in masks:
                found = found if mask is True else found * mask
            return PendingSources(pack.add(found), given.shape[1])
    return None


def _compared(given: Tensor, wanted: Tensor, counts: Tensor) -> Tensor | None:
    """How many sources are hidden; 0 where what is hidden is what follows at one distance."""
    samples, length = given.shape
    if samples < FEWEST or samples * length * length > MOST_ELEMENTS:
        return None
    same = (wanted[:, :, None] == given[:, None, :]).float()
    agree = same.mean(0)
    best, place = agree.max(1)
    sure = (best >= SURE) & ((agree >= SURE).sum(1) == 1)
    places = torch.arange(length, device=place.device)
    ahead = place - places
    hidden = sure & (ahead > 0)
    near, far = ahead.masked_fill(~sure, length).amin(), ahead.masked_fill(~sure, -length).amax()
    nearest = ahead.masked_fill(~hidden, length).amin()
    follows = (same * counts[:, :, None]).sum(0) >= SURE * counts.sum(0)[:, None]
    elsewhere = places - places[:, None] != nearest
    forecasts = (near == far) | ((nearest == far) & (follows | elsewhere).all())
    return hidden.sum() * ~forecasts


def _hides_what_follows(walked: Walk, index: int) -> bool | Tensor:
    node = walked.nodes[index]
    if walked.names[index].startswith(ATTENTION_PREFIX):
        mask = saved(node, "attn_mask")
        mask = saved(node, "attn_bias") if mask is None else mask
        if saved(node, "is_causal"):
            return True
        return False if mask is None else _is_empty_above(mask, -torch.inf)
    at = softmax_of(walked, index)
    weights = None if at is None else saved(walked.nodes[at], "result")
    return False if weights is None else _is_empty_above(weights, 0.0)


def _is_empty_above(values: Tensor, empty: float) -> bool | Tensor:
    """Whether there is nothing above the diagonal; told at once where looking is free."""
    if values.dim() < 2 or values.shape[-1] != values.shape[-2] or values.shape[-1] < 2:
        return False
    values = values.detach()
    if values.is_cpu and not bool((values[..., 0, -1] == empty).all()):
        return False
    below = torch.ones(values.shape[-2:], dtype=torch.bool, device=values.device).tril()
    return ((values == empty) | below).all()
