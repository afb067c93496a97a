"""Divergences, likelihoods of counts and of densities, and alignments, as torch composes them."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from lifesigns.functions.losses import OPERATIONS
from lifesigns.record.graph.prediction import Prediction
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.blank_targets import blank_targets
from lifesigns.record.loss.comparison import UNKNOWN, PendingLoss, compare, wide
from lifesigns.record.loss.composed import constant_alignment, data_factor
from lifesigns.record.loss.few_frames import few_frames
from lifesigns.record.loss.sources import PASSING, source
from lifesigns.record.loss.summands import Term
from lifesigns.record.loss.values import value_of
from lifesigns.record.measure.reduce import Pack
from lifesigns.records import LossReading, Shape


def from_divergence(
    pack: Pack, walked: Walk, terms: list[Term], prediction: Prediction | None
) -> PendingLoss | None:
    """`Σ y (log y - log a)`: the targets are saved, the logarithms where something keeps them.

    Args:
        pack: Where the sums wait for the copy.
        walked: The graph of the loss.
        terms: The data terms, all divergences; the first is read.
        prediction: The root module's output, where the graph keeps no logarithms.

    Returns:
        None if the logarithms cannot be read.
    """
    i, factor = terms[0].node, terms[0].factor
    if walked.names[i] == "Sub":
        product = data_factor(walked, walked.inputs[i][1])
        below = product[1] if product else None
    else:
        product = data_factor(walked, i)
        below = walked.inputs[product[1]][1] if product else None
    given = None if below is None else value_of(walked, below, prediction)
    if product is None or given is None or given.numel() != product[0].numel():
        return None
    target = wide(product[0])
    logs = wide(given).reshape(target.shape)
    own = torch.special.entr(target)
    classes = _classes_dim(target)
    samples = target.numel() // target.shape[classes]
    pending = PendingLoss(
        _reading("kl_div", tuple(given.shape), tuple(target.shape), factor * samples),
        fit=pack.add((-own - target * logs).sum()),
        fit_factor=factor,
        entropy=pack.add(own.sum() / samples),
        partial=len(terms) > 1,
    )
    logs, target = (t.movedim(classes, -1) for t in (logs, target))
    compare(pack, pending, logs, target, probabilities=logs.exp())
    return pending


def _classes_dim(target: Tensor) -> int:
    total = target.sum(-1, dtype=torch.float32)
    return -1 if target.dim() < 2 or bool(((total - 1).abs() < 1e-3).all()) else 1


def from_counts(
    pack: Pack, walked: Walk, terms: list[Term], prediction: Prediction | None
) -> PendingLoss | None:
    """Poisson's `exp(z) - y z` or `a - y log a`.

    Args:
        pack: Where the sums wait for the copy.
        walked: The graph of the loss.
        terms: The data terms, all of this form; the first is read.
        prediction: Not needed: the rate or its logarithm is saved.

    Returns:
        None if the rate cannot be read.
    """
    i, factor = terms[0].node, terms[0].factor
    product = data_factor(walked, walked.inputs[i][1])
    left = walked.inputs[i][0]
    if product is None or left is None:
        return None
    target, logged = wide(product[0]), walked.names[left] == "Exp"
    if logged:
        rate = saved(walked.nodes[left], "result")
    else:
        rate = saved(walked.nodes[product[1]], "self")
    if rate is None:
        return None
    rate = wide(rate).reshape(target.shape)
    size = rate - torch.special.xlogy(target, rate)
    word = "poisson_nll_loss" if logged else "poisson_nll_loss of rates"
    pending = PendingLoss(
        _reading(word, tuple(target.shape), tuple(target.shape), factor * target.numel()),
        fit=pack.add(size.sum()),
        fit_factor=factor,
        partial=len(terms) > 1,
    )
    compare(pack, pending, rate.log() if logged else rate, target, probabilities=rate)
    return pending


def from_density(
    pack: Pack, walked: Walk, terms: list[Term], prediction: Prediction | None
) -> PendingLoss | None:
    """`(log v + (a - y)²/v) / 2`, with the variance v as an output of the network.

    Args:
        pack: Where the sums wait for the copy.
        walked: The graph of the loss.
        terms: The data terms, all of this form; the first is read.
        prediction: The root module's output, where the graph keeps only the residual.

    Returns:
        None if residual or variance cannot be read.
    """
    i, factor = terms[0].node, terms[0].factor
    logs, ratio = walked.inputs[i][:2]
    if logs is None or ratio is None:
        return None
    power = walked.inputs[ratio][0]
    variance = saved(walked.nodes[ratio], "other")
    residual = None if power is None else saved(walked.nodes[power], "self")
    if power is None or variance is None or residual is None:
        return None
    residual, variance = wide(residual), wide(variance)
    shape = tuple(residual.shape)
    pending = PendingLoss(
        _reading("gaussian_nll_loss", shape, shape, 2 * factor * residual.numel()),
        fit=pack.add((variance.log() + residual.square() / variance).sum()),
        fit_factor=factor,
        partial=len(terms) > 1,
    )
    difference = source(walked, power, PASSING)
    operands = () if difference is None else walked.inputs[difference]
    below = next((j for j in operands if j is not None), None)
    given = None if below is None else value_of(walked, below, prediction)
    if given is not None and given.numel() == residual.numel():
        given = wide(given).reshape(shape)
        minuend = (operands[0] is not None) == (walked.names[difference or 0] == "Sub")
        compare(pack, pending, given, given - residual if minuend else given + residual)
    return pending


def from_alignment(
    pack: Pack, walked: Walk, terms: list[Term], prediction: Prediction | None
) -> PendingLoss | None:
    """CTC: the loss of every sequence is saved, and divided by its length if torch's mean is taken.

    Args:
        pack: Where the sums wait for the copy.
        walked: The graph of the loss.
        terms: The data terms, all of this form; the first is read.
        prediction: Not needed: the log-probabilities are saved.

    Returns:
        None if they cannot be read.
    """
    i, factor = terms[0].node, terms[0].factor
    found = i if walked.names[i] == "CtcLoss" else source(walked, i, PASSING | {"Where"})
    if found is None:
        return None
    node = walked.nodes[found]
    logs, each = saved(node, "log_probs"), saved(node, "result0")
    if logs is None or each is None or logs.dim() != 3:
        return None
    logs, each = wide(logs), wide(each)
    lengths = torch.tensor(node._saved_target_lengths, device=each.device).clamp_min(1)
    divided = walked.names[i] == "Div"
    each = each / lengths if divided else each
    finite = torch.isfinite(each)
    count = int(finite.sum())
    constant = constant_alignment(logs, node)
    if not math.isfinite(constant):
        constant = UNKNOWN
    elif not divided:
        constant *= float(lengths.double().mean())
    reading = _reading("ctc_loss", tuple(logs.shape), (), factor * len(each), constant=constant)
    hidden = bool(saved(node, "zero_infinity"))
    reading = replace(reading, ignored_all=hidden and not count)
    size = each[finite].sum() if count or hidden else each.sum()
    pending = PendingLoss(reading, fit=pack.add(size), fit_factor=factor, partial=len(terms) > 1)
    pending.prediction = pack.sums(logs, -1)
    pending.mark(blank_targets(pack, node))
    pending.mark(few_frames(pack, node, len(logs)))
    return pending


def _reading(
    operation: str, given: Shape, compared: Shape, scale: float, constant: float = UNKNOWN
) -> LossReading:
    return LossReading(
        UNKNOWN,
        kind=OPERATIONS[operation].kind,
        operation=operation,
        input_shape=given,
        compared_shape=compared,
        scale=scale,
        constant=constant,
    )
