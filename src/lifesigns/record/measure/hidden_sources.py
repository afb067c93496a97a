"""Whether a causal mask hides the very tokens that a network is to say."""

from __future__ import annotations

import torch
from torch import Tensor

from lifesigns.record.graph.operations import ATTENTION_PREFIX
from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.looking_ahead import TOKENS
from lifesigns.record.measure.order_blind import MOST_ELEMENTS, attentions, softmax_of
from lifesigns.records import Kind

FEWEST = 8
"""Sequences from which it shows where a target comes from."""
SURE = 0.9
"""Share of the sequences in which a target is the token at one place, where it comes from there."""


def hidden_sources(walked: Walk, condensed: Condensed) -> dict[str, float]:
    """Details of a loss whose targets are tokens of the input that come later than a mask shows.

    Each target that is, in nearly all sequences, the token at one place of the input is taken to
    come from there. Where all places lie at one distance, the network forecasts, as it should.

    Args:
        walked: The graph.
        condensed: Its sites.

    Returns:
        How many positions are to say what is hidden from them, and how many there are.
    """
    kinds = {site.kind for site in condensed.graph.sites}
    if kinds & {Kind.CONVOLUTION, Kind.RECURRENT} or not _is_causal(walked):
        return {}
    names = list(zip(walked.names, walked.nodes, strict=True))
    targets = [saved(node, "target") for name, node in names if name in ("NllLoss", "NllLoss2D")]
    tokens = [saved(node, "indices") for name, node in names if name == TOKENS]
    if len(targets) != 1 or targets[0] is None:
        return {}
    for given in tokens:
        if given is not None and given.dim() == 2 and given.numel() == targets[0].numel():
            return _compared(given, targets[0].reshape(given.shape))
    return {}


def _compared(given: Tensor, wanted: Tensor) -> dict[str, float]:
    samples, length = given.shape
    if samples < FEWEST or samples * length * length > MOST_ELEMENTS:
        return {}
    agree = (wanted[:, :, None] == given[:, None, :]).float().mean(0)
    best, place = agree.max(1)
    sure = (best >= SURE) & ((agree >= SURE).sum(1) == 1)
    ahead = (place - torch.arange(length, device=place.device))[sure]
    hidden = int((ahead > 0).sum())
    if not hidden or bool((ahead == ahead[0]).all()):
        return {}
    return {"hidden_sources": float(hidden), "positions": float(length)}


def _is_causal(walked: Walk) -> bool:
    """Whether no attention looks behind its position."""
    found = list(attentions(walked))
    return bool(found) and all(_hides_what_follows(walked, index) for index in found)


def _hides_what_follows(walked: Walk, index: int) -> bool:
    node = walked.nodes[index]
    if walked.names[index].startswith(ATTENTION_PREFIX):
        mask = saved(node, "attn_mask")
        mask = saved(node, "attn_bias") if mask is None else mask
        if saved(node, "is_causal"):
            return True
        return mask is not None and _is_empty_above(mask, -torch.inf)
    at = softmax_of(walked, index)
    weights = None if at is None else saved(walked.nodes[at], "result")
    return weights is not None and _is_empty_above(weights, 0.0)


def _is_empty_above(values: Tensor, empty: float) -> bool:
    if values.dim() < 2 or values.shape[-1] != values.shape[-2] or values.shape[-1] < 2:
        return False
    rows, columns = torch.triu_indices(values.shape[-2], values.shape[-1], 1)
    above = values.detach()[..., rows.to(values.device), columns.to(values.device)]
    return bool((above == empty).all())
