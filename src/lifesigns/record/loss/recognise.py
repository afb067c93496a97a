"""The loss, traced back from the root of the graph to prediction and target.

A loss is a data term (torch's own or written by hand) and whatever is added to it; see `terms`. Of
several data terms the first is read, or all of them if they are of one kind and weighted alike.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lifesigns.record.graph.prediction import Prediction
from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk, saved, unreadable
from lifesigns.record.loss.comparison import UNKNOWN, PendingLoss, compare, unexpanded, wide
from lifesigns.record.loss.handwritten import from_logs, from_picked, from_residual
from lifesigns.record.loss.summands import (
    BUILT_IN,
    OPERATIONS,
    PASSING,
    Term,
    before_expand,
    numel,
    source,
    terms_of,
)
from lifesigns.record.measure.reduce import Pack
from lifesigns.records import LossReading, Shape

_MEAN, _SUM = 1, 2


def read_loss(
    pack: Pack,
    walked: Walk,
    condensed: Condensed,
    value: float,
    prediction: Prediction | None,
) -> PendingLoss:
    """Recognises the loss of a walked graph and reduces its prediction and target.

    Args:
        pack: Where the reduced tensors wait for the copy.
        walked: The graph, with the loss at its roots.
        condensed: Its sites.
        value: The loss, scaling undone.
        prediction: The root module's output, needed where the loss keeps only the residual.
    """
    terms = terms_of(walked, condensed)
    for form, read in _READERS.items():
        data = [term for term in terms.found if term.form in form.split("|")]
        others = len(terms.found) > len(data)
        if not data or (others and form not in _BESIDE_OTHERS):
            continue
        pending = read(pack, walked, data, prediction)
        if pending is None:
            break
        reading, scale = pending.reading, pending.reading.scale
        if others and _is_smoothed(walked, terms.found, data):
            smoothed = next(term for term in terms.found if term not in data)
            scale += abs(smoothed.factor) * numel(reading.input_shape)
            others = False
        site = condensed.site_of_node.get(data[0].node, -1)
        pending.reading = replace(reading, value=value, site=site, scale=scale)
        pending.whole = not (others or terms.penalised or pending.partial)
        return pending
    return _unrecognised(pack, walked, value, prediction)


# --- torch's own ----------------------------------------------------------------------------------
def _built_in(
    pack: Pack, walked: Walk, terms: list[Term], prediction: Prediction | None
) -> PendingLoss | None:
    term = terms[0]
    node, name = walked.nodes[term.node], walked.names[term.node]
    given, target = saved(node, "self"), saved(node, "target")
    if given is None or target is None or unreadable(node):
        return None
    alike = _alike(walked, terms, given)
    reduction = int(getattr(node, "_saved_reduction", _MEAN))
    parts = [
        _recompute(name, walked.nodes[t.node], *_compared(walked.nodes[t.node]), reduction)
        for t in alike
    ]
    first = given
    if len(alike) > 1:
        sides = [_compared(walked.nodes[t.node]) for t in alike]
        given, target = (torch.cat([side[k] for side in sides]) for k in (0, 1))
    counted = len(alike) if reduction == _MEAN else _observations(name, node, target)
    pending = PendingLoss(
        LossReading(
            UNKNOWN,
            kind=BUILT_IN[name],
            operation=OPERATIONS[name],
            input_shape=_input_shape(walked, term.node, first),
            compared_shape=tuple(first.shape),
            ignored_all=_all_ignored(node),
            scale=term.factor * counted,
        ),
        fit=pack.add(torch.stack(parts).sum()),
        fit_factor=term.factor,
        partial=len(alike) < len(terms),
    )
    if name.startswith("Nll"):
        target = target.masked_fill(target == _ignored_index(node), -1)
        compare(pack, pending, given, target, is_index=True, probabilities=given.exp())
    else:
        compare(pack, pending, *_own(given, target, pending.reading.input_shape))
        pending.target_shape = unexpanded(target)
    return pending


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


def _observations(name: str, node: Any, target: Tensor) -> int:
    if not name.startswith("Nll"):
        return target.numel()
    return int((target != _ignored_index(node)).sum())


def _ignored_index(node: Any) -> int:
    return int(np.int64(np.uint64(node._saved_ignore_index)))


def _own(given: Tensor, target: Tensor, before: Shape) -> tuple[Tensor, Tensor]:
    """Each prediction with its own target, where every one was compared with every target."""
    p, t = (one[tuple(slice(n) for n in unexpanded(one))] for one in (given, target))
    if p.numel() == t.numel() < given.numel():
        return p.reshape(before), t.reshape(before)
    return given, target


def _recompute(name: str, node: Any, given: Tensor, target: Tensor, reduction: int) -> Tensor:
    word = {_MEAN: "mean", _SUM: "sum"}.get(reduction, "sum")
    weight = saved(node, "weight")
    weight = weight if weight is None else wide(weight)
    if name.startswith("Nll"):
        ignored = _ignored_index(node)
        return F.nll_loss(given, target, weight, ignore_index=ignored, reduction=word)
    if name == "HuberLoss":
        return F.huber_loss(given, target, delta=node._saved_delta, reduction=word)
    if name == "SmoothL1Loss":
        return F.smooth_l1_loss(given, target, beta=node._saved_beta, reduction=word)
    if name == "BinaryCrossEntropy":
        return F.binary_cross_entropy(given, target, weight, reduction=word)
    if name == "BinaryCrossEntropyWithLogits":
        return F.binary_cross_entropy_with_logits(
            given,
            target,
            saved(node, "weight"),
            reduction=word,
            pos_weight=saved(node, "pos_weight"),
        )
    return F.mse_loss(given, target, reduction=word)


def _is_smoothed(walked: Walk, found: list[Term], data: list[Term]) -> bool:
    """Whether the rest is label smoothing: a mean of the same log-probabilities over classes."""
    rest = [term for term in found if term not in data]
    chain = PASSING | {"MaskedFill", "Neg", "Sum", "Mul"}
    return (
        len(rest) == 1
        and walked.names[data[0].node].startswith("Nll")
        and source(walked, data[0].node) in (rest[0].node, source(walked, rest[0].node, chain))
    )


def _unrecognised(
    pack: Pack, walked: Walk, value: float, prediction: Prediction | None
) -> PendingLoss:
    operation = walked.names[walked.roots[0]].lower() if walked.roots else ""
    pending = PendingLoss(LossReading(value, operation=operation))
    if prediction is not None and prediction.value.is_floating_point():
        shape = tuple(prediction.value.shape)
        pending.reading = replace(pending.reading, input_shape=shape, compared_shape=shape)
        pending.prediction = pack.sums(prediction.value, -1)
    return pending


def _all_ignored(node: Any) -> bool:
    total = saved(node, "total_weight")
    return isinstance(total, Tensor) and total.numel() == 1 and float(total) == 0.0


_READERS = {
    "built_in": _built_in,
    "squared|absolute": from_residual,
    "log": from_logs,
    "picked": from_picked,
}
_BESIDE_OTHERS = frozenset({"built_in", "squared|absolute"})
"""Forms that are the data term whatever is added; a logarithm may be part of something else."""
