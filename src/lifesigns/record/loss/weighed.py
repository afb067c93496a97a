"""What weighs the log-probabilities of actions, and whether the critic's targets differ.

Returns that are all one number say of no action that it was better than another. Weights are then
that number, or 0 once they were centred; or, less what a critic says, its own answer turned round.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.prediction import Prediction
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.composed import data_factor
from lifesigns.record.loss.episodes import weights_of_steps
from lifesigns.record.loss.policies import sign_of
from lifesigns.record.loss.sources import ABOVE, PASSING, reached, source
from lifesigns.record.loss.summands import BUILT_IN, OF_NUMBERS, Term, residual_below
from lifesigns.record.loss.values import value_of
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

FEWEST = 6
"""Weights of which it is said that they are alike."""
MOST_NODES, MOST_CRITICS = 64, 1024
"""Nodes next to the loss, and terms of it, that are looked at: one for each step, as it may be."""
TURNED = 0.999
"""Correlation of the weights and the critic's answers from which they are the same numbers."""
ROUNDED = 1e-5
"""Range of targets that float32 leaves where they are computed again, over the answers' size."""
_ABOVE = ABOVE | {"Clamp", "ClampMax", "ClampMin", "Minimum", "Maximum"}
_COMPARING = frozenset({"built_in", "squared", "absolute"})


class PendingWeighed(NamedTuple):
    """The ends of weights and of targets, still on the device."""

    slot: int
    critics: int
    beside: bool
    """Whether the loss compares something with targets, or weights may be a mask of sequences."""

    def of(self, arrays: list[NDArray[np.float64]]) -> Mapping[str, float]:
        """Details of a loss: how many log-probabilities are weighed, and between which numbers.

        Of a critic whose answers, times one number, the weights are: between which its targets lie.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        count, lowest, highest, *rest = arrays[self.slot].tolist()
        found = {"weighed": count, "lightest": lowest, "heaviest": highest}
        if self.beside:
            found["weighed_beside"] = 1.0
        for k in range(self.critics):
            low, high, size, related = rest[4 * k : 4 * k + 4]
            if related < -TURNED:
                is_one = high - low <= ROUNDED * size
                middle = (low + high) / 2
                ends = (middle, middle) if is_one else (low, high)
                found.update(zip(("lowest_return", "highest_return"), ends, strict=True))
        return found


def weighed(
    pack: Pack, walked: Walk, terms: Sequence[Term], prediction: Prediction | None
) -> PendingWeighed | None:
    """Reads what weighs the log-probabilities of actions.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.
        terms: What it is a sum of.
        prediction: The root module's output.

    Returns:
        None where none are weighed with data, or too few to tell.

    Cost: the nodes next to the loss; where there are weights, a few sums over them.
    """
    weights = list(_weights(walked))
    found = [w.reshape(-1) for w in weights]
    if sum(w.numel() for w in found) < FEWEST:
        return None
    first = found[0]
    whole = torch.cat([w.detach().to(first.device, torch.float32) for w in found])
    asked = list(islice(_critics(walked, terms, prediction), MOST_CRITICS))
    critics = [one for one in _joined(asked) if one[0].shape == one[1].shape == first.shape]
    critics = [one for one in critics if one[0].device == one[1].device == first.device]
    numbers = [whole.new_tensor([whole.numel()]), whole.amin()[None], whole.amax()[None]]
    numbers += [_ends(value, target, first.float()) for value, target in critics]
    beside = any(term.form in _COMPARING for term in terms)
    beside = beside or not BUILT_IN.keys().isdisjoint(walked.names)
    beside = beside or any(w.numel() > max(w.shape) for w in weights)
    return PendingWeighed(pack.add(torch.cat(numbers)), len(critics), beside)


def _weights(walked: Walk) -> Iterator[Tensor]:
    """The data that log-probabilities, or ratios of probabilities, are multiplied by."""
    of_steps = weights_of_steps(walked)
    if of_steps is not None:
        yield of_steps[1]
        return
    seen = set[int]()
    for i in islice(reached(walked, walked.roots, _ABOVE), MOST_NODES):
        known = data_factor(walked, i)
        if known is None or known[1] < 0 or not _is_of_actions(walked, known[1]):
            continue
        if not is_readable(known[0]):
            continue
        if known[0].data_ptr() not in seen:  # a ratio has them, and so has the clipped one
            seen.add(known[0].data_ptr())
            yield known[0]


def _is_of_actions(walked: Walk, i: int) -> bool:
    if sign_of(walked, i):
        return True
    through = PASSING | {"Clamp", "ClampMax", "ClampMin"}
    at = i if walked.names[i] not in through else source(walked, i, through)
    below = walked.inputs[at][0] if at is not None and walked.names[at] == "Exp" else None
    return below is not None and below >= 0 and sign_of(walked, below) != 0


def _critics(
    walked: Walk, terms: Sequence[Term], prediction: Prediction | None
) -> Iterator[tuple[Tensor, Tensor]]:
    """What is compared with numbers, and these."""
    for term in terms:
        node = walked.nodes[term.node]
        if walked.names[term.node] in OF_NUMBERS:
            value, target = saved(node, "self"), saved(node, "target")
            if isinstance(value, Tensor) and isinstance(target, Tensor):
                yield value, target
        elif term.form == "squared":
            yield from _by_hand(walked, term.node, prediction)


def _joined(asked: list[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
    """The same in rows; those of single steps, each of which is a term, as one."""
    rows = [(v.detach().reshape(-1).float(), t.detach().reshape(-1).float()) for v, t in asked]
    if len(rows) < FEWEST or any(v.numel() != 1 or t.numel() != 1 for v, t in rows):
        return rows[:FEWEST]
    values, targets = zip(*rows, strict=True)
    return [(torch.cat(values), torch.cat(targets))]


def _by_hand(
    walked: Walk, i: int, prediction: Prediction | None
) -> Iterator[tuple[Tensor, Tensor]]:
    """The same of a square of what is left: the targets are the sum of both."""
    left, below = saved(walked.nodes[i], "self"), residual_below(walked, i)
    if not isinstance(left, Tensor) or below is None or walked.inputs[below].count(None) != 1:
        return
    sides = walked.inputs[below]
    minus = (sides[0] is None) == (walked.names[below] == "Sub")
    at = next(j for j in sides if j is not None)
    value = value_of(walked, at, prediction) if at >= 0 else None
    if value is not None and value.numel() == left.numel() and value.device == left.device:
        given, rest = value.detach().reshape(-1), left.detach().reshape(-1)
        yield given, given + rest if minus else given - rest


def _ends(value: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Between which numbers targets lie, the size of the values, and how weights go with these."""
    v, w = value - value.mean(), weights - weights.mean()
    both = v.square().sum() * w.square().sum()
    related = torch.where(both > 0, (v * w).sum() / both.sqrt(), 0.0)
    return torch.stack([target.amin(), target.amax(), value.abs().amax(), related])
