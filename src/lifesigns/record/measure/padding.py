"""Which places of a batch of tokens fill shorter sequences up, and what the loss makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


def padded(walked: Walk) -> Iterator[Padded]:
    """The lookups whose sequences end, or begin, with runs of a token that stands nowhere else.

    Only on the CPU: elsewhere looking would wait for the device.

    Args:
        walked: The graph.
    """
    for index, name in enumerate(walked.names):
        tokens = saved(walked.nodes[index], "indices") if name == TOKENS else None
        if (
            tokens is None
            or not tokens.is_cpu
            or tokens.dim() != 2
            or tokens.numel() > MOST_ELEMENTS
        ):
            continue
        if min(tokens.shape) >= FEWEST and (places := padding_of(tokens)) is not None:
            yield Padded(index, places)


def padding_of(tokens: Tensor) -> Tensor | None:
    """Which places are padding; None where no token is known to fill the sequences.

    Args:
        tokens: `[samples, positions]`, or the other way round.
    """
    for by_sample in (tokens, tokens.t()):
        for at_end in (by_sample, by_sample.flip(1)):
            filled = at_end == at_end[:, -1].mode().values
            if not bool(filled[:, -1].float().mean() >= SEVERAL):
                continue
            run = filled.flip(1).cumprod(1).flip(1).bool()
            lengths = run.sum(1)
            if bool((filled == run).all() & (lengths.amax() > 1) & (lengths.amin() < run.shape[1])):
                places = run if at_end is by_sample else run.flip(1)
                return places if by_sample is tokens else places.t()
    return None


@dataclass(frozen=True)
class PaddingGradient:
    """How much of the gradient comes to words, and how much to padding, once backward was there."""

    slots: list[int]
    length: int
    """Positions of a sequence."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss: RMS of the gradient at both, and how many places are padding.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        if not self.slots:
            return {}
        words, padding, share, behind = arrays[self.slots[0]].tolist()
        return {
            "word_gradient": words,
            "padding_gradient": padding,
            "padding_share": share,
            "padding_behind": behind,
            "positions": float(self.length),
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
    found = PaddingGradient([], places.shape[1])

    def hook(_given: tuple[Any, ...], arrived: tuple[Any, ...]) -> None:
        gradient = arrived[0] if arrived else None
        if gradient is None or gradient.shape[:-1] != places.shape or found.slots:
            return
        squares = gradient.detach().float().square().mean(-1)
        numbers = [squares[~places].mean().sqrt(), squares[places].mean().sqrt()]
        numbers += [places.float().mean(), places[:, -1].float().mean()]
        found.slots.append(pack.add(torch.stack(numbers)))

    return found, hook
