"""Which places of a batch of tokens fill shorter sequences up, and what the loss makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.measure.looking_ahead import TOKENS
from lifesigns.record.measure.reduce import Pack

FEWEST = 4
"""Sequences, and positions of one, from which it shows what fills them."""
MOST_ELEMENTS = 1 << 20
SEVERAL = 0.25
"""Share of the sequences that are filled up, at least: few may end alike by chance."""


class Padded(NamedTuple):
    """A batch of sequences that were filled up to one length."""

    node: int
    """The node that looks the tokens up."""
    places: Tensor
    """Which places are padding, of the shape of the tokens."""
    token: Tensor
    """The one that stands there, 0-d."""


def padded(walked: Walk) -> Sequence[Padded]:
    """The lookups whose sequences end, or begin, with runs of a token that stands nowhere else.

    Where looking makes the device wait, those as well that may have no such token: they have no
    places then.

    Args:
        walked: The graph.
    """
    if Padded not in walked.kept:
        walked.kept[Padded] = list(_padded(walked))
    found: list[Padded] = walked.kept[Padded]
    return found


def _padded(walked: Walk) -> Iterator[Padded]:
    for index, name in enumerate(walked.names):
        tokens = saved(walked.nodes[index], "indices") if name == TOKENS else None
        if tokens is None or tokens.dim() != 2 or tokens.numel() > MOST_ELEMENTS:
            continue
        if min(tokens.shape) >= FEWEST and (places := padding_of(tokens)) is not None:
            yield Padded(index, places, tokens.where(places, 0).amax())


def padding_of(tokens: Tensor) -> Tensor | None:
    """Which places are padding: no place where no token is known to fill the sequences.

    Args:
        tokens: `[samples, positions]`, or the other way round.

    Returns:
        None for no place, where that is known at once.
    """
    found = None
    for by_sample in (tokens, tokens.t()):
        for run in _runs(by_sample):
            places = run if by_sample is tokens else run.t()
            if run.is_cpu:
                return places
            found = places if found is None else torch.where(found.any(), found, places)
    return found


def _runs(tokens: Tensor) -> Iterator[Tensor]:
    """Where the token stands that fills the ends of sequences, or their beginnings.

    Nowhere if it stands among the others as well, or if all sequences have one or none. Told at
    once, and left out, where looking is free.
    """
    for at_end in (tokens, tokens.flip(1)):
        last = at_end[:, -1]
        filling = _commonest(last)
        several = (last == filling).float().mean() >= SEVERAL
        if several.is_cpu and not bool(several):
            continue
        filled = at_end == filling
        run = filled.flip(1).cumprod(1).flip(1).bool()
        lengths = run.sum(1)
        differ = (lengths.amax() > 1) & (lengths.amin() < run.shape[1])
        fits = several & differ & (filled == run).all()
        if fits.is_cpu and not bool(fits):
            continue
        yield fits & (run if at_end is tokens else run.flip(1))


def _commonest(tokens: Tensor) -> Tensor:
    """The most frequent token, the smallest of several; `mode` waits for the device if it is large.

    Args:
        tokens: `[samples]`.
    """
    if tokens.is_cpu:
        return tokens.mode().values
    ordered = tokens.contiguous().sort().values
    ends = torch.searchsorted(ordered, ordered, right=True)
    counts = ends - torch.arange(len(ordered), device=ordered.device)  # right where each begins
    return ordered.gather(0, counts.argmax(0, keepdim=True))


@dataclass(frozen=True)
class PaddingGradient:
    """How much of the gradient comes to words, and how much to padding, once backward was there."""

    slots: list[int]
    shape: torch.Size
    """Of the tokens."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss: RMS of the gradient at both, and what is padding and what is read.

        A few sequences that are long outweigh all others in these, so that the ratio of both in the
        middle one of the sequences is told beside them.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        numbers = arrays[self.slots[0]].tolist() if self.slots else [0.0] * 8
        words, padding, share, behind, middle, along, exchanged, token = numbers
        if not share:
            return {}
        own = {"word_ratio": middle} if np.isfinite(middle) else {}
        return {
            **own,
            "word_gradient": words,
            "padding_gradient": padding,
            "padding_share": share,
            "padding_behind": behind,
            "positions": float(self.shape[int(along)]),
            "lengths_exchanged": exchanged,
            "padding_token": token,
        }


def padding_hook(pack: Pack, batch: Padded) -> tuple[PaddingGradient, Callable[..., None]]:
    """Measures the gradient that arrives at a lookup of padded sequences.

    Args:
        pack: Where the numbers wait for the copy.
        batch: The lookup.

    Returns:
        What will have been measured, and the hook of the node that measures it.
    """
    places = batch.places
    found = PaddingGradient([], places.shape)

    def hook(_given: tuple[Any, ...], arrived: tuple[Any, ...]) -> None:
        gradient = arrived[0] if arrived else None
        if gradient is None or gradient.shape[:-1] != places.shape or found.slots:
            return
        dtype = torch.promote_types(gradient.dtype, torch.float32)
        norms = torch.linalg.vector_norm(gradient.detach(), dim=-1, dtype=dtype)
        squares = norms.square() / gradient.shape[-1]
        numbers = [mean_where(~places, squares).sqrt(), mean_where(places, squares).sqrt()]
        numbers += [places.to(dtype).mean(), *_by_sequence(places, squares)]
        numbers += [exchanged(~places, norms > 0).to(dtype), batch.token.to(dtype)]
        found.slots.append(pack.add(torch.stack(numbers)))

    return found, hook


def _by_sequence(places: Tensor, squares: Tensor) -> Tensor:
    """What is true of sequences one by one, whichever axis they go along.

    Args:
        places: Which are padding, `[samples, positions]` or the other way round.
        squares: Of the gradient, of the same shape.

    Returns:
        The share of them that end with padding; of the middle one of all, the size of the gradient
        at words over that at padding, infinite where none comes to padding; and their axis.
    """
    found = []
    for axis in (1, 0):
        padding = places if axis else places.t()
        here = squares if axis else squares.t()
        filled = padding.sum(1)
        at_words = torch.where(padding, 0, here).sum(1) / (padding.shape[1] - filled)
        at_padding = torch.where(padding, here, 0).sum(1) / filled
        # none of either is 0 / 0, as in a sequence that the loss leaves out
        known = (at_padding > 0) & (filled < padding.shape[1])
        ratios = torch.where(known, at_words / at_padding, torch.inf).sqrt()
        behind = padding[:, -1].to(squares.dtype).mean()
        middle = ratios.sort().values[len(ratios) // 2]
        found.append(torch.stack([behind, middle, torch.full_like(behind, axis)]))
    changes = (places[:, 1:] != places[:, :-1]).sum(1)  # at most once along a sequence
    along_rows, along_columns = found
    return torch.where(changes.amax() <= 1, along_rows, along_columns)


def exchanged(words: Tensor, read: Tensor) -> Tensor:
    """The share of the sequences that are read up to the length of another one.

    Args:
        words: Which places are none of padding, `[samples, positions]` or the other way round.
        read: To which of them a gradient came.

    Returns:
        0 unless the lengths that are read are those of the sequences, in another order.
    """
    shares = []
    for own, used in ((_lengths(words), _lengths(read)), (_lengths(words.t()), _lengths(read.t()))):
        are_the_same = (own.sort().values == used.sort().values).all()
        shares.append(are_the_same * (own != used).float().mean())
    return torch.stack(shares).amax()


def _lengths(places: Tensor) -> Tensor:
    """Up to where each sequence goes."""
    return (places * torch.arange(1, places.shape[1] + 1, device=places.device)).amax(1)


def mean_where(places: Tensor, values: Tensor) -> Tensor:
    """The mean of values at some places, NaN for none; it does not wait to know how many they are.

    Args:
        places: Which count.
        values: Of the same shape.
    """
    return torch.where(places, values, 0).sum() / places.sum()
