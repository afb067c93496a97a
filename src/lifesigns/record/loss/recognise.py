"""The loss, traced back from the root of the graph to prediction and target.

A loss is a data term (torch's own or written by hand) and whatever is added to it; see `terms`. Of
several data terms the first is read, or all of them if they are of one kind and weighted alike.
"""

from __future__ import annotations

from dataclasses import replace

from lifesigns.record.graph.prediction import Prediction
from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk
from lifesigns.record.loss.built_in import built_in
from lifesigns.record.loss.comparison import PendingLoss
from lifesigns.record.loss.crossing import crossing, is_paired
from lifesigns.record.loss.equal_views import equal_views
from lifesigns.record.loss.handwritten import from_logs, from_picked, from_residual
from lifesigns.record.loss.known_losses import KnownLoss, known_loss, known_of
from lifesigns.record.loss.likelihoods import (
    from_alignment,
    from_counts,
    from_density,
    from_divergence,
)
from lifesigns.record.loss.margins import from_margin
from lifesigns.record.loss.marks import (
    DataTerm,
    compared_with,
    mark,
    mark_beside,
    mark_form,
    mark_weights,
)
from lifesigns.record.loss.sources import PASSING, numel, source
from lifesigns.record.loss.summands import Term, residual_below, terms_of
from lifesigns.record.measure.reduce import Pack
from lifesigns.records import LossReading

MOST_TERMS = 8
"""Data terms of a sum that are read beside the first."""


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
    if (again := _again(pack, walked, condensed, value, prediction)) is not None:
        return again
    terms = terms_of(walked, condensed)
    for form, read in _READERS.items():
        data = [term for term in terms.found if term.form in form.split("|")]
        others = len(terms.found) > len(data)
        if not data or (others and form not in _BESIDE_OTHERS):
            continue
        pending = read(pack, walked, data, prediction)
        if pending is None:
            continue
        smoothed = others and _is_smoothed(walked, terms.found, data)
        if smoothed:
            smooth = next(term for term in terms.found if term not in data)
            pending.smoothing = abs(smooth.factor) * numel(pending.reading.input_shape)
            others = False
        site = condensed.site_of_node.get(data[0].node, -1)
        pending.reading = replace(
            pending.reading,
            value=value,
            site=site,
            paired=_is_paired(walked, data[0], prediction),
            crossing=crossing(walked, terms.found),
        )
        pending.whole = not (others or terms.penalised or pending.partial)
        _keep(condensed, walked, data[0], pending)
        term = DataTerm(
            data[0].node,
            compared_with(walked, data[0]),
            terms=terms.found,
            beside=others,
            weighted=data[0].weight is not None,
        )
        mark(pack, walked, condensed, term, pending, prediction)
        mark_form(pack, walked, condensed, terms, pending, prediction)
        if len(terms.found) > 1:
            mark_weights(walked, data[0], pending)
        if not pending.whole:
            pending.fetch_fit(pack)
        if not pending.whole and form in _BESIDE_OTHERS:
            used = pending.terms or [data[0].node]
            rest = [t for t in terms.found if t.node not in used and not smoothed]
            _add_others(pack, walked, condensed, pending, rest, prediction)
        if pending.contrast is not None and not pending.contrast.is_sure:
            pending.otherwise = _unrecognised(pack, walked, value, prediction, terms.found)
        return pending
    pending = _unrecognised(pack, walked, value, prediction, terms.found)
    mark_form(pack, walked, condensed, terms, pending, prediction)
    pending.mark(equal_views(pack, walked))
    return pending


def _again(
    pack: Pack, walked: Walk, condensed: Condensed, value: float, prediction: Prediction | None
) -> PendingLoss | None:
    """The loss as an equal graph had it; None if it has to go the long way."""
    known = known_of(condensed, walked)
    found = None if known is None else known.again(pack, walked, value)
    if known is None or found is None:
        return None
    pending, target = found
    mark(pack, walked, condensed, DataTerm(known.node, target), pending, prediction)
    return pending


def _keep(condensed: Condensed, walked: Walk, term: Term, pending: PendingLoss) -> None:
    """Keeps what was concluded of a loss that is one term, for a graph that is equal."""
    known = known_loss(walked, term, pending) if pending.whole else None
    if known is not None:
        condensed.kept[KnownLoss] = known


def _add_others(
    pack: Pack,
    walked: Walk,
    condensed: Condensed,
    pending: PendingLoss,
    rest: list[Term],
    prediction: Prediction | None,
) -> None:
    """Reads the other data terms of a sum, each as a loss of its own."""
    left = 0
    for term in rest:
        read = next((_READERS[f] for f in _BESIDE_OTHERS if term.form in f.split("|")), None)
        few = len(pending.others) < MOST_TERMS
        other = read(pack, walked, [term], prediction) if read and few else None
        if other is None:
            left += 1
        else:
            other.fetch_fit(pack)
            paired = _is_paired(walked, term, prediction)
            site = condensed.site_of_node.get(term.node, -1)
            other.reading = replace(other.reading, site=site, paired=paired)
            mark_beside(pack, walked, term, other)
            pending.others.append(other)
    pending.reading = replace(pending.reading, penalised=left > 0)


def _is_paired(walked: Walk, term: Term, prediction: Prediction | None) -> bool:
    return is_paired(walked, residual_below(walked, term.node) or term.node, prediction)


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
    pack: Pack, walked: Walk, value: float, prediction: Prediction | None, found: list[Term]
) -> PendingLoss:
    operation = walked.names[walked.roots[0]].lower() if walked.roots else ""
    pending = PendingLoss(LossReading(value, operation=operation, crossing=crossing(walked, found)))
    if prediction is not None and prediction.value.is_floating_point():
        shape = tuple(prediction.value.shape)
        pending.reading = replace(pending.reading, input_shape=shape, compared_shape=shape)
        pending.prediction = pack.sums(prediction.value, -1)
    return pending


_READERS = {
    "built_in": built_in,
    "divergence": from_divergence,
    "ctc": from_alignment,
    "poisson": from_counts,
    "gaussian": from_density,
    "hinge_embedding": from_margin,
    "cosine_embedding": from_margin,
    "contrast": from_margin,
    "margin_ranking": from_margin,
    "triplet": from_margin,
    "squared|absolute": from_residual,
    "log": from_logs,
    "picked": from_picked,
    "hinge": from_margin,
}
_BESIDE_OTHERS = [form for form in _READERS if form not in ("log", "picked", "hinge")]
"""Forms that are the data term whatever is added; a logarithm may be part of something else."""
