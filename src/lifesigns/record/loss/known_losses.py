"""A loss of class numbers that a graph like this one had before: only its values are read anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lifesigns.record.graph.operations import signed
from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk, operands
from lifesigns.record.loss.comparison import (
    MOST_CLASSES,
    UNKNOWN,
    PendingLoss,
    compare_classes_on_cpu,
)
from lifesigns.record.loss.sources import before_expand
from lifesigns.record.loss.summands import Term
from lifesigns.record.measure.reduce import Pack
from lifesigns.records import LossReading

PLAIN = frozenset({torch.float32, torch.float64})
NUMBERS = frozenset({torch.int64, torch.uint8})
"""Dtypes of class numbers that torch's loss takes."""


class KnownLoss(NamedTuple):
    """What was concluded of a loss that is one node at the root, and weights no class.

    The key is the graph, as `Condensed` holds it (operations, edges, names, shapes of the sites),
    and the form of what is compared; targets that do not count go the long way, as all else does.
    """

    node: int
    form: tuple[Any, ...]
    reading: LossReading
    """Without its value."""

    def again(self, pack: Pack, walked: Walk, value: float) -> tuple[PendingLoss, Tensor] | None:
        """The loss of another step, and its targets; None if it has to go the long way.

        Args:
            pack: Where the reduced tensors wait for the copy.
            walked: A graph with the same sites.
            value: The loss, scaling undone.
        """
        node = walked.nodes[self.node]
        compared = _compared(node)
        if compared is None or _form(node, *compared) != self.form:
            return None
        given, target = compared
        labels = target.numpy()
        if (labels == self.form[-1]).any():
            return None
        pending = PendingLoss(self.reading, value=value, is_index=True, whole=True)
        pending.target_shape = tuple(target.shape)
        pending.prediction = pack.sums(given, -1)
        compare_classes_on_cpu(pack, pending, given.detach().exp().numpy(), labels)
        return pending, target


def known_loss(walked: Walk, term: Term, pending: PendingLoss) -> KnownLoss | None:
    """What to keep of a loss that went the long way; None where its values told more of it.

    Args:
        walked: The graph of the loss.
        term: All of the loss.
        pending: Its reading, whole and without marks.
    """
    node, reading = walked.nodes[term.node], pending.reading
    if walked.names[term.node] != "NllLoss" or walked.roots != [term.node]:
        return None
    if term.weight is not None or reading.paired or reading.details or pending.count is not None:
        return None
    compared = _compared(node)
    if compared is None or pending.left_out is not None or pending.smoothing:
        return None
    below = walked.inputs[term.node][0]
    if below is None or before_expand(walked, below)[0] != below or below != term.node - 1:
        return None
    return KnownLoss(term.node, _form(node, *compared), replace(reading, value=UNKNOWN))


def known_of(condensed: Condensed, walked: Walk) -> KnownLoss | None:
    """What an equal graph has kept.

    Args:
        condensed: Its sites.
        walked: The graph.
    """
    known = condensed.kept.get(KnownLoss)
    return known if isinstance(known, KnownLoss) and walked.roots == [known.node] else None


def _compared(node: Any) -> tuple[Tensor, Tensor] | None:
    """Log-probabilities and class numbers; None where they are not a plain table and a row."""
    kept = operands(node)
    given, target = kept.values.get("self"), kept.values.get("target")
    if given is None or target is None or kept.hooked or kept.obstacle:
        return None
    if kept.values.get("weight") is not None or not (given.is_cpu and target.is_cpu):
        return None
    plain = given.dtype in PLAIN and target.dtype in NUMBERS and not given.is_neg()
    fits = given.dim() == 2 and target.dim() == 1 and 0 < given.shape[1] <= MOST_CLASSES
    return (given, target) if plain and fits and target.numel() else None


def _form(node: Any, given: Tensor, target: Tensor) -> tuple[Any, ...]:
    """Shapes and dtypes, how the loss is summed, and the class that does not count."""
    return (
        given.shape,
        given.dtype,
        target.shape,
        target.stride(),
        target.dtype,
        node._saved_reduction,
        ignored_index(node),
    )


def ignored_index(node: Any) -> int:
    """The class number that does not count.

    Args:
        node: Of a loss of class numbers.
    """
    return signed(int(node._saved_ignore_index))
