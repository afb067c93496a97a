"""The loss of every backward pass, recorded or not."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lifesigns.record.loss.summands import root_factor
from lifesigns.record.readable import is_plain_number, local, obstacle, readable, without_modes
from lifesigns.record.schedule.streams import Streams
from lifesigns.records import POOLED, LossCurve

BY_HAND, FOREIGN = -1, -2
"""Who steps in place of an optimizer: the user's own code, or one of a model not watched."""
_MOST_LATE = 256
"""Losses left on their device before they are brought to the host together."""
_MOST_ENDS = 1024
"""Updates noted before the streams of their losses are told."""


class LossLog:
    """One row per backward pass: its step, its stream, its value.

    The stream of a row shows when its parameters are updated; till then it is 0. The rows of quiet
    cycles, whose end is not told, catch up later.
    """

    def __init__(self) -> None:
        self._steps, self._streams = array("q"), array("q")
        self._values = array("d")
        self._late: dict[int, Tensor] = {}
        self._curves, self._looks = Streams(), dict[int, Hashable]()
        self._open, self._owner = 0, BY_HAND
        self._ends: list[tuple[int, int]] = []
        self._related: dict[int, bool] = {}
        self.tentative = 0
        """Newest rows whose gradients may yet turn out to have been looked at only."""
        self.severed = 0
        """Backward passes whose loss leads nowhere; they have no row."""
        self.unread = 0
        """Backward passes whose loss cannot be read; they have no row."""
        self.pooled = 0
        """Rows that belong to curves that are not told apart."""

    def __len__(self) -> int:
        return len(self._steps)

    def append(self, step: int, value: float | Tensor) -> None:
        """Adds a row; a tensor is read later, all at once.

        Args:
            step: Number of the cycle.
            value: The loss, scaling undone; a tensor is 0-d and on another device.
        """
        if isinstance(value, Tensor):
            if len(self._late) >= _MOST_LATE:
                self._fetch()
            self._late[len(self)] = value
            value = float("nan")
        self.append_number(step, value)

    def append_number(self, step: int, value: float) -> None:
        """The short form of `append`, for the steps that are not recorded."""
        self._steps.append(step)
        self._values.append(value)

    def add(self, steps: bytes, values: bytes) -> None:
        """Adds rows of quiet cycles.

        Args:
            steps: Their cycles, as int64.
            values: Their losses, as float64.
        """
        self._steps.frombytes(steps)
        self._values.frombytes(values)

    def note(self, position: int, look: Hashable) -> None:
        """What the loss of the newest row looks like; it concerns the watched model.

        Args:
            position: Number of the pass in its cycle.
            look: Equal for losses that are trained as one.
        """
        self._related[position] = True
        self._looks[self.newest] = look

    def knows(self, position: int) -> bool:
        """Whether the backward pass of some cycle at this position has been looked at."""
        return position in self._related

    def is_unrelated(self, position: int) -> bool:
        """Whether the backward pass at this position does not concern the watched model."""
        return not self._related.get(position, True)

    def drop_unrelated(self, position: int) -> None:
        """Takes the newest row away: it is no loss of the watched model."""
        self._related[position] = False
        self.drop()

    def drop(self) -> None:
        """Takes the newest row away."""
        row = self.newest
        self.tentative = max(self.tentative - 1, 0)
        self._late.pop(row, None)
        self._looks.pop(row, None)
        self._fill()
        self.pooled -= self._streams.pop() == POOLED
        self._steps.pop()
        self._values.pop()

    def close(self, owner: int | None = None) -> None:
        """The parameters are updated: tells the streams of the passes since the last time.

        Args:
            owner: Number of the optimizer that steps; by default, of the one that did last.
        """
        self._settle()
        if owner is not None and owner >= 0:
            self._owner = owner
        self._close_until(len(self), self._owner if owner is None else owner)
        self.tentative = 0

    def close_later(self, owner: int) -> None:
        """The parameters are updated in a quiet cycle: what `close` does is done when asked for.

        Args:
            owner: Number of the optimizer that steps.
        """
        self.tentative = 0
        self._ends.append((len(self), owner))
        if len(self._ends) >= _MOST_ENDS:
            self._settle()

    def catch_up(self, step: int) -> None:
        """Tells the streams of the quiet cycles, all ended by the optimizer that stepped last.

        Args:
            step: Number of the cycle that is going on.
        """
        self._settle()
        end = bisect_left(self._steps, step)
        while self._open < end:
            self._close_until(bisect_right(self._steps, self._steps[self._open]), self._owner)

    def _settle(self) -> None:
        ends, self._ends = self._ends, []
        for end, owner in ends:
            self._owner = owner
            self._close_until(end, owner)

    def _fill(self) -> None:
        """The newest rows have no stream yet."""
        self._streams.extend(repeat(0, len(self._steps) - len(self._streams)))

    def _close_until(self, end: int, owner: int) -> None:
        self._fill()
        for row in range(self._open, end):
            look = self._looks.pop(row, None)
            stream = self._streams[row] = self._curves.of(owner, row - self._open, look)
            self.pooled += stream == POOLED
        self._open = end

    def open(self, step: int) -> int:
        """How many rows of the cycle that is going on no update has followed yet.

        Args:
            step: Its number.
        """
        self.catch_up(step)
        return len(self) - self._open

    @property
    def newest(self) -> int:
        """Number of the newest row."""
        return len(self) - 1

    def stream(self, row: int) -> int:
        """Stream of a row."""
        self._fill()
        return self._streams[row]

    def join(self, step: int) -> None:
        """Rows of later steps belong to `step`, too."""
        for row in range(bisect_left(self._steps, step), len(self)):
            self._steps[row] = step

    def curve(self, start: int = 0) -> LossCurve:
        """The rows from number `start` on.

        Args:
            start: Number of the first row.
        """
        self._fetch()
        self._fill()
        return LossCurve(
            np.array(self._steps[start:], np.int64),
            np.array(self._values[start:], np.float64),
            np.array(self._streams[start:], np.int64),
        )

    def _fetch(self) -> None:
        if not self._late:
            return
        rows, self._late = self._late, {}
        with without_modes():
            values = torch.stack([v.reshape(()).float() for v in rows.values()]).tolist()
        for row, value in zip(rows, values, strict=True):
            self._values[row] = value


def with_graph(tensors: Any, gradients: Any) -> list[tuple[Tensor, Tensor | None]]:
    """What was passed to `backward` and leads to a graph, each with the gradient given for it.

    Args:
        tensors: A tensor, or a sequence of them; anything else is nothing.
        gradients: The gradients given for them, in the same form; None for scalars.
    """
    if isinstance(tensors, Tensor) and gradients is None:
        leads_on = tensors.requires_grad and not tensors.is_leaf and tensors.numel() == 1
        return [(tensors, None)] if leads_on else []
    tensors = [tensors] if isinstance(tensors, Tensor) else tensors
    given = tensors if isinstance(tensors, Sequence) else []
    weights = [gradients] if isinstance(gradients, Tensor) else gradients
    if not isinstance(weights, Sequence) or not weights:  # an iterator is torch's to go through
        weights = [None] * len(given)
    return [
        (t, weight)
        for t, weight in zip(given, weights, strict=False)
        if isinstance(t, Tensor) and t.grad_fn is not None
        if isinstance(weight, Tensor) or t.numel() == 1
    ]


def is_severed(tensors: Any) -> bool:
    """A loss that is a leaf itself, such as one made into a new tensor: it leads nowhere."""
    return isinstance(tensors, Tensor) and tensors.is_leaf and tensors.numel() == 1


def loss_value(
    losses: list[tuple[Tensor, Tensor | None]],
) -> tuple[float | Tensor | None, float]:
    """The loss, and what it was scaled by: a number on the CPU, left on the device elsewhere.

    A vector passed with a gradient stands for the sum of their products, which has the same
    gradients. None if it cannot be read.

    Args:
        losses: Losses of any shape with a graph, each with the gradient given for it.

    Returns:
        The loss, a float from the CPU and a 0-d tensor elsewhere, and the positive scale.
    """
    if any(loss.is_complex() for loss, _ in losses):  # torch is about to refuse it
        return None, 1.0
    first, weight = losses[0]
    alone = weight is None and len(losses) == 1
    if alone and (is_plain_number(first) or (first.is_cpu and not obstacle(first))):
        scale = root_factor(first.grad_fn)
        return first.item() / scale, scale
    values = [_whole(loss) for loss, _ in losses]
    weights = [None if w is None else _whole(w) for _, w in losses]
    given = [(v, w) for v, w in zip(values, weights, strict=True) if v is not None]
    if len(given) < len(losses) or [w is None for w in weights] != [w is None for _, w in losses]:
        return None, 1.0
    scale = 1.0
    weight = weights[0]
    if first.numel() == 1 and (weight is None or weight.numel() == 1):
        scale = root_factor(first.grad_fn) * (1.0 if weight is None else abs(float(weight)))
    scale = scale if scale and math.isfinite(scale) else 1.0
    products = [value if w is None else value * w for value, w in given]
    total = torch.stack([p.sum().float() for p in products]).sum() / scale
    return float(total) if total.is_cpu else total, scale


def _whole(tensor: Tensor) -> Tensor | None:
    """The values of a tensor, of a distributed one only if this rank holds them all."""
    shard = local(tensor)
    return readable(shard) if shard is tensor or shard.shape == tensor.shape else None
