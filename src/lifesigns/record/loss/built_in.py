"""torch's own losses that are one node of the graph: what they compared, and their value again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lifesigns.functions.losses import OPERATIONS
from lifesigns.record.graph.prediction import Prediction
from lifesigns.record.graph.walk import Walk, operands, saved, unreadable
from lifesigns.record.loss.comparison import (
    UNKNOWN,
    PendingLoss,
    compare,
    leave_out,
    unexpanded,
    weighted_variance,
    wide,
)
from lifesigns.record.loss.exchanged import exchanged
from lifesigns.record.loss.known_losses import ignored_index
from lifesigns.record.loss.margins import of_classes
from lifesigns.record.loss.sources import before_expand
from lifesigns.record.loss.summands import BUILT_IN, OF_NUMBERS, Term, is_mask
from lifesigns.record.loss.togetherness import together
from lifesigns.record.measure.reduce import Pack
from lifesigns.records import LossReading, Shape

_NONE, _MEAN, _SUM = 0, 1, 2


def built_in(
    pack: Pack, walked: Walk, terms: list[Term], prediction: Prediction | None
) -> PendingLoss | None:
    """A loss that autograd keeps as one node, with what it compared.

    Args:
        pack: Where the sums wait for the copy.
        walked: The graph of the loss.
        terms: The data terms; several of one kind that are weighted alike are read as one.
        prediction: Not needed: the node saves it.

    Returns:
        None if what was compared cannot be read.
    """
    term = terms[0]
    node, name = walked.nodes[term.node], walked.names[term.node]
    kept = operands(node)
    given, target = kept.values.get("self"), kept.values.get("target")
    if given is None or target is None or kept.obstacle:
        return None
    alone = len(terms) == 1 or term.weight is not None
    alike = [term] if alone else _alike(walked, terms, given)
    reduction = int(getattr(node, "_saved_reduction", _MEAN))
    first = given
    if len(alike) > 1:
        sides = [_compared(walked.nodes[t.node]) for t in alike]
        given, target = (torch.cat([side[k] for side in sides]) for k in (0, 1))
    mean = reduction == _MEAN
    counted = float(len(alike)) if mean else _observations(name, node, target, term)
    operation = BUILT_IN[name]
    reading = LossReading(
        UNKNOWN,
        kind=OPERATIONS[operation].kind,
        operation=operation,
        input_shape=_input_shape(walked, term.node, first),
        compared_shape=tuple(first.shape),
        scale=term.factor * (1 if isinstance(counted, Tensor) else counted),
        details=_constants(name, node),
    )
    is_index = name.startswith("Nll") or name == "MultiMarginLoss"
    if name.startswith("Multi"):
        reading, target = of_classes(reading, node, target)
    pending = PendingLoss(
        reading,
        recompute=lambda: torch.stack([_sum(walked, t, reduction) for t in alike]).sum(),
        fit_factor=term.factor,
        partial=len(alike) < len(terms),
        terms=[t.node for t in alike],
        count=pack.add(counted) if isinstance(counted, Tensor) else None,
        total_weight=None if reduction == _NONE else _total_weight(pack, node),
    )
    if name.startswith("Nll"):
        _weigh(pack, pending, node)
        ignored = target == ignored_index(node)
        if term.weight is not None:
            ignored = ignored | (term.weight.reshape(target.shape) == 0)
        if leave_out(pack, pending, target, ignored):
            target = target.masked_fill(ignored, -1)
    if is_index:
        likely = given.exp() if name.startswith("Nll") else None
        compare(pack, pending, given, target, is_index=True, probabilities=likely)
        return pending
    before = pending.reading.input_shape
    own = _own(given, target, before)
    if (mask := _mask(*own, term.weight)) is not None:
        leave_out(pack, pending, own[1], ~mask)
        own = own[0][mask], own[1][mask]
    takes_logits = name == "BinaryCrossEntropyWithLogits"
    compare(pack, pending, *own, probabilities=own[0].sigmoid() if takes_logits else None)
    _mark_numbers(pack, pending, name, *own)
    pending.target_shape = unexpanded(target)
    if term.weight is not None and not is_mask(term.weight):
        constant = weighted_variance(wide(target), wide(term.weight))
        pending.reading = replace(pending.reading, constant=constant)
    return pending


def _mark_numbers(
    pack: Pack, pending: PendingLoss, name: str, given: Tensor, target: Tensor
) -> None:
    """Looks at numbers alone: logits and shares are not to be told apart by distance."""
    if name in OF_NUMBERS:
        pending.mark(exchanged(pack, given, target))
        pending.mark(together(pack, given, target))


def _mask(given: Tensor, target: Tensor, weight: Tensor | None) -> Tensor | None:
    """Which elements count; None where all do."""
    if weight is None or given.shape != target.shape or not bool((weight == 0).any()):
        return None
    return (weight != 0).expand(given.shape)


def _constants(name: str, node: Any) -> dict[str, float]:
    """The loss's own numbers; the weight of positives is a mean over the units."""
    if _NUMBERS.isdisjoint(_OPTIONS.get(name, ())):
        return {}
    delta, beta = saved(node, "delta"), saved(node, "beta")
    if delta is not None:
        return {"delta": float(delta)}
    if beta:
        return {"delta": float(beta), "divided_by": float(beta)}
    positive = saved(node, "pos_weight")
    return {} if positive is None else {"pos_weight": float(positive.float().mean())}


def _weigh(pack: Pack, pending: PendingLoss, node: Any) -> None:
    weight = saved(node, "weight")
    if weight is not None and weight.dim() == 1:
        pending.class_weights = pack.add(wide(weight))


def _sum(walked: Walk, term: Term, reduction: int) -> Tensor:
    """The loss again, before the term's factor."""
    node, name = walked.nodes[term.node], walked.names[term.node]
    each = _recompute(name, node, *_compared(node), reduction)
    return each.sum() if term.weight is None else (each * term.weight).sum()


def _input_shape(walked: Walk, i: int, given: Tensor) -> Shape:
    """Shape of what a loss was given, before `broadcast_tensors` expanded it."""
    below = walked.inputs[i][0]
    return tuple(given.shape) if below is None else before_expand(walked, below)[1]


def _compared(node: Any) -> tuple[Tensor, Tensor]:
    return wide(saved(node, "self")), wide(saved(node, "target"))


def _alike(walked: Walk, terms: list[Term], given: Tensor) -> list[Term]:
    """The terms that can be read as one: a discriminator's loss on real and on made-up samples."""
    first = terms[0]

    def key(term: Term) -> tuple[object, ...]:
        one = saved(walked.nodes[term.node], "self")
        shape = tuple(one.shape[1:]) if one is not None and one.dim() else None
        return walked.names[term.node], term.factor, shape

    alike = [
        term
        for term in terms
        if key(term) == key(first) and not unreadable(walked.nodes[term.node])
    ]
    return alike if given.dim() else [first]


def _total_weight(pack: Pack, node: Any) -> int | None:
    total = saved(node, "total_weight")
    return None if total is None else pack.add(total)


def _observations(name: str, node: Any, target: Tensor, term: Term) -> float | Tensor:
    """How many there are, or what they weigh together; not waited for on another device."""
    if term.weight is not None:
        weights = (torch.ones_like(target, dtype=torch.float32) * term.weight).sum()
        return float(weights) if weights.is_cpu else weights
    if name.startswith("Multi"):
        return target.shape[0] if target.dim() > name.startswith("Multilabel") else 1
    weight = saved(node, "weight")
    if not name.startswith("Nll"):
        if weight is None:
            return target.numel()
        mean = weight.float().expand(target.shape).mean()
        return target.numel() * (float(mean) if mean.is_cpu else mean)
    kept = target != ignored_index(node)
    if not kept.is_cpu:
        own = 1 if weight is None else weight[target.clamp_min(0).clamp_max(len(weight) - 1)]
        return (kept * own).sum()
    return int(kept.sum()) if weight is None else float(weight[target[kept]].sum())


def _own(given: Tensor, target: Tensor, before: Shape) -> tuple[Tensor, Tensor]:
    """Each prediction with its own target, where every one was compared with every target."""
    p, t = (one[tuple(slice(n) for n in unexpanded(one))] for one in (given, target))
    if p.numel() == t.numel() < given.numel():
        return p.reshape(before), t.reshape(before)
    return given, target


def _recompute(name: str, node: Any, given: Tensor, target: Tensor, reduction: int) -> Tensor:
    """The loss once more: its mean, its sum, or each element."""
    word = {_MEAN: "mean", _SUM: "sum"}.get(reduction, "none")
    options = {key: saved(node, key) for key in _OPTIONS.get(name, ())}
    if options.get("weight") is not None:
        options["weight"] = wide(options["weight"])
    if name.startswith("Nll"):
        options["ignore_index"] = ignored_index(node)
    function = getattr(F, BUILT_IN[name])
    value: Tensor = function(given, target, reduction=word, **options)
    return value


_OPTIONS = {
    "NllLoss": ("weight",),
    "NllLoss2D": ("weight",),
    "HuberLoss": ("delta",),
    "SmoothL1Loss": ("beta",),
    "BinaryCrossEntropy": ("weight",),
    "BinaryCrossEntropyWithLogits": ("weight", "pos_weight"),
    "MultiMarginLoss": ("p", "margin", "weight"),
}
"""What a loss was called with beside input and target, as torch's function takes it."""
_NUMBERS = frozenset({"delta", "beta", "pos_weight"})
