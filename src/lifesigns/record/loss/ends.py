"""Whether a model of the next token is told where its rows end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.looking_ahead import TOKENS
from lifesigns.record.measure.reduce import Pack

SHORTEST = 4
"""Places of a row, at least."""
MOST_ELEMENTS = 1 << 20


class PendingEnds(NamedTuple):
    """What the loss asks for last in rows that end before the batch does, still on the device."""

    slots: tuple[int, ...]
    """Of each lookup of tokens and layout of the targets."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: rows that end early, with a token from inside, and with the same one.

        Those from inside are asked for there, or stand there at all, as in a prompt.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        for slot in self.slots:
            is_told, ended, *told = arrays[slot].tolist()
            if is_told and ended:
                words = ("ended_inside", "ended_within", "ended_alike")
                return {"rows_ended": ended, **dict(zip(words, told, strict=True))}
        return {}


def ends_of_rows(pack: Pack, walked: Walk, at: int) -> PendingEnds | None:
    """Looks for rows of several lengths whose targets are their own tokens, moved by one.

    Where a row begins without targets (a prompt), or all begin with one token, a text is to be
    written, and its end as well. Behind the last target the rows hold one token alone, padding.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph.
        at: Index of the node of the loss.

    Returns:
        How many rows end early, of how many the last target is one that is asked for before an
        end, too, or stands there, and how many have the one that is most often last; None where
        no row ends early, so far as that is known at once.
    """
    node, name = walked.nodes[at], walked.names[at]
    if not name.startswith("NllLoss") or walked.shape(at):  # one for each place may be masked
        return None
    target, scores = saved(node, "target"), saved(node, "self")
    if target is None or scores is None or scores.dim() < 2 or target.numel() > MOST_ELEMENTS:
        return None
    ignored = saved(node, "ignore_index")
    slots = []
    for tokens, wanted in laid_out(walked, target):
        counts = (wanted >= 0) & (wanted != ignored)
        some = counts.any() & ~counts.all()
        if some.is_cpu and not bool(some):
            continue
        is_next = ((wanted == tokens[:, 1:]) | ~counts).all()
        if is_next.is_cpu and not bool(is_next):
            continue
        slots.append(pack.add(_told(tokens, wanted, counts, is_next & some, scores.shape[1])))
    return PendingEnds(tuple(slots)) if slots else None


def laid_out(walked: Walk, target: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Tokens `[rows, places]` and the targets that may be those at all places but the first.

    Args:
        walked: The graph.
        target: Of a loss, in any layout.
    """
    looked_up = [
        saved(node, "indices")
        for name, node in zip(walked.names, walked.nodes, strict=True)
        if name == TOKENS
    ]
    for tokens in looked_up:
        if tokens is None or tokens.dim() != 2 or min(tokens.shape) < 2:
            continue
        if tokens.device != target.device:
            continue
        for by_row in (tokens, tokens.t()):
            rows, places = by_row.shape
            if places < SHORTEST or target.numel() not in (rows * places, rows * (places - 1)):
                continue
            wanted = target.reshape(rows, -1) if by_row is tokens else target.reshape(-1, rows).t()
            yield by_row, wanted[:, : places - 1]


def _told(tokens: Tensor, wanted: Tensor, counts: Tensor, is_next: Tensor, kinds: int) -> Tensor:
    """Whether ends are to be told, rows that end, those with what is asked, or stands, inside."""
    places = torch.arange(wanted.shape[1], device=wanted.device)
    last = torch.where(counts, places, -1).amax(1)
    ended = (last >= 0) & (last < wanted.shape[1] - 1)
    behind = (places > last[:, None]) & ended[:, None]
    filler = torch.where(behind, tokens[:, 1:], -1).amax()
    is_padding = ((tokens[:, 1:] == filler) | ~behind).all()
    asked = counts.sum(1)
    is_varied = (ended & (asked != torch.where(ended, asked, 0).amax())).any()
    is_text = (~counts[:, 0] | ~ended).all() | (tokens[:, 0] == tokens[0, 0]).all()
    final = wanted.gather(1, last.clamp_min(0)[:, None])[:, 0]
    before, own = places < last[:, None], final.clamp(0, kinds - 1)
    asked_for = how_often(wanted, counts & before, kinds)
    inner = how_often(tokens[:, 1:], before & (tokens[:, 1:] < kinds), kinds)
    numbers = (
        is_next & is_padding & is_varied & is_text,
        ended.sum(),
        ((asked_for[own] > 0) & ended).sum(),
        ((inner[own] > 0) & ended).sum(),
        how_often(final, ended, kinds).amax(),
    )
    return torch.stack([number.double() for number in numbers])


def how_often(classes: Tensor, where: Tensor, kinds: int) -> Tensor:
    """How often each class stands at these places.

    Args:
        classes: Whole numbers from 0 on.
        where: Of the same shape.
        kinds: How many classes there are.

    Returns:
        A count for each class.
    """
    named = torch.where(where, classes, kinds).reshape(-1)
    found = torch.zeros(kinds + 1, dtype=torch.long, device=classes.device)
    return found.scatter_add_(0, named, torch.ones_like(named))[:kinds]
