"""Losses written by hand: squares, absolute values and logarithms taken by the user's own code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lifesigns.record.graph.prediction import Prediction
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.comparison import (
    UNKNOWN,
    PendingLoss,
    compare,
    leave_out,
    weighted_variance,
    wide,
)
from lifesigns.record.loss.composed import data_factor
from lifesigns.record.loss.exchanged import exchanged, exchanged_parts
from lifesigns.record.loss.log_scales import adds_log_scales, may_scale
from lifesigns.record.loss.sources import GUARDS, before_expand, numel, source
from lifesigns.record.loss.summands import Term, is_mask, residual_below
from lifesigns.record.loss.togetherness import together
from lifesigns.record.loss.values import value_of, written_out
from lifesigns.record.measure.reduce import Pack
from lifesigns.records import LossReading


# --- squares and absolute values of residuals -----------------------------------------------------
def from_residual(
    pack: Pack, walked: Walk, terms: list[Term], prediction: Prediction | None
) -> PendingLoss | None:
    """`(p - y)²` and `|p - y|`: the residual is saved, the target is prediction minus residual.

    Args:
        pack: Where the sums wait for the copy.
        walked: The graph of the loss.
        terms: The data terms, all squares or absolute values.
        prediction: The root module's output, where the graph keeps only the residual.

    Returns:
        None if it is of another form after all: also where nothing is subtracted, and the logarithm
        of a scale is added, for that is the density of a flow and no comparison with targets.
    """
    term = terms[0]
    node, difference = walked.nodes[term.node], residual_below(walked, term.node)
    residual = saved(node, "self")
    if residual is None or difference is None:
        return None
    squared, residual = term.form == "squared", wide(residual)
    operand = next(j for j in walked.inputs[difference] if j is not None)
    operand, before = before_expand(walked, operand)
    size = residual.square() if squared else residual.abs()
    weight = torch.ones_like(size) if term.weight is None else term.weight.expand_as(size)
    pending = PendingLoss(
        LossReading(
            UNKNOWN,
            kind="squared_error" if squared else "absolute_error",
            operation="pow" if squared else "abs",
            handwritten=True,
            scale=term.factor * float(weight.sum()),
            input_shape=before,
            compared_shape=tuple(residual.shape),
        ),
        fit=pack.add((size * weight).sum(dtype=_widest(size))),
        fit_factor=term.factor,
        target_shape=before if before == tuple(residual.shape) else (),
        partial=len(terms) > 1,
    )
    given = value_of(walked, operand, prediction)
    given = written_out(walked, operand) if given is None else given
    minuend = (walked.inputs[difference][0] is not None) == (walked.names[difference] == "Sub")
    if given is None or given.is_complex() or given.numel() != numel(before):
        pending.mark(exchanged_parts(pack, walked, operand, residual, prediction, minuend=minuend))
        return pending
    given = given.detach().reshape(before)
    target = given - residual if minuend else given + residual
    if may_scale(walked) and not bool(target.any()) and adds_log_scales(walked):
        return None
    pending.mark(exchanged(pack, given, target))
    pending.mark(together(pack, given, target))
    if term.weight is not None and given.shape == target.shape and bool((weight == 0).any()):
        leave_out(pack, pending, target, weight == 0)
        given, target = given[weight != 0], target[weight != 0]
    _compare_residual(pack, pending, given, target)
    if term.weight is not None and not is_mask(weight) and target.shape == weight.shape:
        constant = weighted_variance(target, weight)
        pending.reading = replace(pending.reading, constant=constant)
    return pending


def _widest(values: Tensor) -> torch.dtype | None:
    return torch.float64 if values.device.type == "cpu" else None


def _compare_residual(pack: Pack, pending: PendingLoss, given: Tensor, target: Tensor) -> None:
    """The target was broadcast where it does not vary although the prediction does."""
    if target.shape != given.shape:
        full = (1,) * (target.dim() - given.dim()) + tuple(given.shape)
        slack = 1e-5 * (given.abs().max() + target.abs().max())
        for dim, n in enumerate(full):
            first = target.narrow(dim, 0, 1)
            if n > 1 and bool(((target - first).abs() <= slack).all()):
                target = first
    compare(pack, pending, given, target.reshape(given.shape) if _same(given, target) else target)
    pending.target_shape = tuple(target.shape)


def _same(given: Tensor, target: Tensor) -> bool:
    return given.numel() == target.numel()


# --- logarithms -----------------------------------------------------------------------------------
def from_logs(
    pack: Pack, walked: Walk, terms: list[Term], prediction: Prediction | None
) -> PendingLoss | None:
    """`-Σ t·log p`, and `-Σ t·log p + (1 - t)·log(1 - p)`.

    Args:
        pack: Where the sums wait for the copy.
        walked: The graph of the loss.
        terms: The data terms, all products with a logarithm.
        prediction: Not needed: both factors are saved.

    Returns:
        None if it is of another form after all.
    """
    parts = [part for term in terms if (part := _log_part(walked, term)) is not None]
    if len(parts) < len(terms):
        return None
    main = next((part for part in parts if not part.complement), parts[0])
    binary = any(part.complement for part in parts)
    p, target, factor = main.given, main.target, main.term.factor
    totals = [(x.weighted * x.log).sum() * (x.term.factor / factor) for x in parts]
    samples = p.numel() if binary or p.dim() < 2 else p.numel() // p.shape[-1]
    weighed = 1.0 if main.weights is None else float(main.weighted.sum() / target.sum())
    pending = PendingLoss(
        LossReading(
            UNKNOWN,
            kind="binary_cross_entropy" if binary else "cross_entropy",
            operation=_OPERATIONS.get(main.name, "log"),
            handwritten=True,
            scale=-factor * samples * weighed,
            input_shape=tuple(p.shape),
            compared_shape=tuple(np.broadcast_shapes(p.shape, target.shape)),
        ),
        fit=pack.add(torch.stack(totals).sum()),
        fit_factor=factor,
        terms=[term.node for term in terms],
    )
    if main.weights is not None and main.weights.numel() == p.shape[-1]:
        pending.class_weights = pack.add(main.weights.reshape(-1))
    compare(pack, pending, p, target, probabilities=main.log.exp())
    return pending


@dataclass(frozen=True)
class _LogPart:
    """One product of a target and a logarithm."""

    term: Term
    target: Tensor
    given: Tensor
    """What the loss received: probabilities, or log-probabilities."""
    log: Tensor
    name: str
    """Of the logarithm's node."""
    weights: Tensor | None
    """What the loss multiplies each class by."""
    complement: bool
    """Whether it is the logarithm of `1 - p`."""

    @property
    def weighted(self) -> Tensor:
        """The target times the weights of the classes."""
        return self.target if self.weights is None else self.target * self.weights


_OPERATIONS = {
    "LogSoftmax": "log_softmax",
    "LogSigmoid": "binary_cross_entropy_with_logits",
}


def _log_part(walked: Walk, term: Term) -> _LogPart | None:
    node, logs = walked.nodes[term.node], source(walked, term.node)
    weights = data_factor(walked, logs)
    logs = logs if weights is None else weights[1]
    target = saved(node, "self")
    target = saved(node, "other") if target is None else target
    read = None if logs is None else _log_value(walked, logs)
    if read is None or not isinstance(target, Tensor):
        return None
    term, target = _unsigned(term, target.detach())
    given, log = read
    name = walked.names[logs or 0]
    own = None if weights is None else wide(weights[0])
    if own is not None and own.numel() > target.numel():
        own, target = target, own
    return _LogPart(term, target, given, log, name, own, _is_complement(walked, logs))


def _unsigned(term: Term, target: Tensor) -> tuple[Term, Tensor]:
    """`-y·log p` is y times `-log p`, wherever the minus was written."""
    if term.factor > 0 and bool((target <= 0).all()):
        return replace(term, factor=-term.factor), -target
    return term, target


def _log_value(walked: Walk, i: int | None) -> tuple[Tensor, Tensor] | None:
    """What a logarithm was given (log-softmax: what it returned), and its value."""
    if i is None:
        return None
    if walked.names[i] == "LogSoftmax":
        log = saved(walked.nodes[i], "result")
        return None if log is None else (log.detach(), log.detach())
    p = saved(walked.nodes[i], "self")
    if p is not None and walked.names[i] == "LogSigmoid":
        return p.detach(), torch.nn.functional.logsigmoid(p.detach())
    return None if p is None else (p.detach(), p.detach().log())


def _is_complement(walked: Walk, i: int | None) -> bool:
    """Whether a logarithm is of `1 - p`."""
    below = None if i is None else source(walked, i, GUARDS)
    if below is None:
        return False
    name, inputs = walked.names[below], walked.inputs[below]
    if walked.names[i or 0] == "LogSigmoid":
        return name == "Neg"
    return name == "Rsub" or (name == "Sub" and inputs[0] is None)


def from_picked(
    pack: Pack, walked: Walk, terms: list[Term], prediction: Prediction | None
) -> PendingLoss | None:
    """`-log p` of each sample's own class, picked by `gather` or by an index.

    Args:
        pack: Where the sums wait for the copy.
        walked: The graph of the loss.
        terms: The data terms, all logarithms of picked probabilities, `[samples, classes]`.
        prediction: The root module's output, where the graph keeps no probabilities.

    Returns:
        None if it is of another form after all.
    """
    term = terms[0]
    outer, inner = term.node, source(walked, term.node)
    if inner is None:
        return None
    logs, picking = (outer, inner) if walked.names[outer] == "Log" else (inner, outer)
    labels = _labels(walked.nodes[picking])
    if logs == inner:
        read = _log_value(walked, logs)
    else:
        below = walked.inputs[picking][0]
        p = None if below is None else value_of(walked, below, prediction)
        read = None if p is None else (p.detach(), p.detach().log())
    if read is None or labels is None or read[0].dim() != 2 or labels.numel() != len(read[0]):
        return None
    given, log = read
    pending = PendingLoss(
        LossReading(
            UNKNOWN,
            kind="cross_entropy",
            operation="log_softmax" if given is log else "log",
            handwritten=True,
            scale=-term.factor * labels.numel(),
            input_shape=tuple(given.shape),
            compared_shape=tuple(given.shape),
        ),
        fit=pack.add(log.gather(1, labels.reshape(-1, 1)).sum()),
        fit_factor=term.factor,
        partial=len(terms) > 1,
    )
    compare(pack, pending, given, labels, is_index=True, probabilities=log.exp())
    return pending


def _labels(node: Any) -> Tensor | None:
    """The class of each sample: the index along dimension 1 of `[samples, classes]`."""
    if node.name().startswith("Gather"):
        index = saved(node, "index")
        return index.reshape(-1) if index is not None and node._saved_dim == 1 else None
    indices = saved(node, "indices")
    if not indices or len(indices) != 2 or any(not isinstance(i, Tensor) for i in indices):
        return None
    samples, labels = indices
    every = torch.arange(len(labels), device=samples.device) if samples.dim() == 1 else None
    return labels if every is not None and torch.equal(samples, every) else None
