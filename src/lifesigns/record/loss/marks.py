"""What is true of a loss beside its numbers: marks among the details of its reading.

Rules ask for them by name; a mark that is not there says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor, nn

from lifesigns.record.graph.prediction import Prediction
from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.alike import spreads
from lifesigns.record.loss.best_value import takes_best
from lifesigns.record.loss.comparison import PendingLoss
from lifesigns.record.loss.copied import among_inputs, copied
from lifesigns.record.loss.copied_weights import copied_weights
from lifesigns.record.loss.cut_classes import cut_classes
from lifesigns.record.loss.cut_off import is_cut_off
from lifesigns.record.loss.distances import scores_are_distances
from lifesigns.record.loss.drawn_negatives import drawn_negatives
from lifesigns.record.loss.drawn_together import drawn_together
from lifesigns.record.loss.ends import ends_of_rows
from lifesigns.record.loss.episodes import weights_of_episode
from lifesigns.record.loss.equal_views import equal_views
from lifesigns.record.loss.gated_scales import gated_scales
from lifesigns.record.loss.grouped_rows import grouped_rows
from lifesigns.record.loss.hinged_features import hinged_features
from lifesigns.record.loss.least_of_means import least_of_means
from lifesigns.record.loss.log_of_mean import log_of_mean
from lifesigns.record.loss.log_scales import log_scales
from lifesigns.record.loss.loose_ends import loose_ends
from lifesigns.record.loss.masked_late import masked_late
from lifesigns.record.loss.mirrored import mirrored
from lifesigns.record.loss.one_way import one_way
from lifesigns.record.loss.overlap import overlap
from lifesigns.record.loss.padded_targets import padded_targets, words_left_out
from lifesigns.record.loss.policies import inverted_ratio, raw_output
from lifesigns.record.loss.quantised import is_quantised
from lifesigns.record.loss.risk_sets import risk_sets
from lifesigns.record.loss.self_weighted import self_weighted
from lifesigns.record.loss.signed_penalty import signed_penalty
from lifesigns.record.loss.strange_teacher import strange_teacher
from lifesigns.record.loss.summands import BUILT_IN, Term, Terms, reaches_weights
from lifesigns.record.loss.task_weights import task_weights
from lifesigns.record.loss.turned import turns
from lifesigns.record.loss.weighed import weighed
from lifesigns.record.measure.attended import attended_alike
from lifesigns.record.measure.batch_codes import batch_codes
from lifesigns.record.measure.hidden_sources import hidden_sources
from lifesigns.record.measure.looking_ahead import TOKENS
from lifesigns.record.measure.order_blind import order_blind
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.measure.slow_waves import slow_waves
from lifesigns.record.measure.token_share import token_share


@dataclass(frozen=True)
class DataTerm:
    """The data term of a loss that was read, as the marks ask for it."""

    node: int
    """Its index in the graph."""
    compared: Tensor | None
    """What it compares the output with, see `compared_with`."""
    terms: Sequence[Term] = ()
    """All terms of the loss."""
    beside: bool = False
    """Whether there are terms of another form."""
    weighted: bool = False
    """Whether its observations are multiplied by weights."""


def mark(
    pack: Pack,
    walked: Walk,
    condensed: Condensed,
    term: DataTerm,
    pending: PendingLoss,
    prediction: Prediction | None,
) -> None:
    """Marks what is the same of outputs, targets and inputs, and what the term does not reach.

    Args:
        pack: Where numbers wait for the copy.
        walked: The graph of the loss.
        condensed: Its sites.
        term: What was read.
        pending: Its reading.
        prediction: The root module's output.
    """
    node, compared = term.node, term.compared
    marks: dict[str, float] = {}
    if compared is not None:
        marks.update(_mark_targets(pack, walked, condensed, term, pending, compared))
        if prediction is not None:
            pending.mark(spreads(pack, prediction.value, compared))
    if is_quantised(walked, node, term.terms):
        marks.update(cut_off=1.0, quantised=1.0)
    elif term.beside and is_cut_off(walked, node):
        marks["cut_off"] = 1.0
    if prediction is not None and takes_best(walked, node, prediction):
        marks["best_value"] = float(prediction.value.shape[-1])
    marks.update(cut_classes(walked, node))
    pending.mark(turns(pack, walked, node))
    pending.mark(mirrored(pack, walked, node))
    pending.mark(equal_views(pack, walked))
    pending.mark(grouped_rows(pack, walked))
    pending.mark(batch_codes(pack, walked))
    if TOKENS in walked.names:
        pending.mark(order_blind(pack, walked, condensed))
        pending.mark(token_share(pack, walked))
        pending.mark(hidden_sources(pack, walked, condensed))
        pending.mark(attended_alike(pack, walked))
        if not term.weighted:
            pending.mark(padded_targets(pack, walked, node))
            pending.mark(words_left_out(pack, walked, node))
            pending.mark(ends_of_rows(pack, walked, node))
    add_marks(pending, marks)


def _mark_targets(
    pack: Pack,
    walked: Walk,
    condensed: Condensed,
    term: DataTerm,
    pending: PendingLoss,
    compared: Tensor,
) -> dict[str, float]:
    """Marks what is true of targets; returns what is known of them at once."""
    pending.mark(slow_waves(pack, walked, compared))
    if walked.names[term.node] not in BUILT_IN:
        return {}
    marks = copied(walked, condensed, compared)
    pending.mark(None if marks else among_inputs(pack, walked, condensed, compared))
    return marks


def mark_beside(pack: Pack, walked: Walk, term: Term, pending: PendingLoss) -> None:
    """Marks a further data term.

    Args:
        pack: Where numbers wait for the copy.
        walked: The graph of the loss.
        term: The term.
        pending: Its reading.
    """
    add_marks(pending, cut_classes(walked, term.node))
    pending.mark(turns(pack, walked, term.node))
    pending.mark(mirrored(pack, walked, term.node))
    mark_weights(walked, term, pending)


def mark_weights(walked: Walk, term: Term, pending: PendingLoss) -> None:
    """Marks one of several terms that no parameter can change.

    Args:
        walked: The graph of the loss.
        term: The term.
        pending: Its reading.
    """
    has_weights = any(isinstance(leaf, nn.Parameter) for leaf in walked.leaves)
    if has_weights and not reaches_weights(walked, term.node):
        add_marks(pending, {"no_weights": 1.0})


def mark_form(
    pack: Pack,
    walked: Walk,
    condensed: Condensed,
    terms: Terms,
    pending: PendingLoss,
    prediction: Prediction | None,
) -> None:
    """Marks what a formula written by hand makes of what it is given.

    Args:
        pack: Where numbers wait for the copy.
        walked: The graph of the loss.
        condensed: Its sites.
        terms: What the loss is a sum of.
        pending: Its reading.
        prediction: The root module's output.
    """
    found = terms.found
    add_marks(pending, {**overlap(walked, found, prediction), **self_weighted(walked, found)})
    distances, out = scores_are_distances(walked, found), raw_output(walked, found)
    add_marks(pending, {**distances, **one_way(walked, terms), **out})
    add_marks(pending, {**drawn_together(walked, terms), **risk_sets(walked)})
    add_marks(pending, {**least_of_means(walked, found), **hinged_features(walked, terms)})
    summands = [*(term.node for term in found), *(penalty.node for penalty in terms.penalties)]
    add_marks(pending, loose_ends(walked, condensed, summands))
    if prediction is not None and prediction.value.dim():
        add_marks(pending, log_of_mean(walked, found, len(prediction.value)))
    pending.mark(drawn_negatives(pack, walked, terms))
    pending.mark(strange_teacher(pack, walked, terms))
    pending.mark(signed_penalty(pack, walked, terms.penalties))
    pending.mark(log_scales(pack, walked))
    pending.mark(gated_scales(pack, walked, condensed.site_of_node))
    pending.mark(masked_late(pack, walked))
    pending.mark(copied_weights(pack, walked, condensed))
    pending.mark(inverted_ratio(pack, walked))
    pending.mark(weights_of_episode(pack, walked))
    pending.mark(weighed(pack, walked, found, prediction))
    pending.mark(task_weights(pack, walked, found))


def add_marks(pending: PendingLoss, marks: Mapping[str, float]) -> None:
    """Adds marks to the details of a reading.

    Args:
        pending: The reading.
        marks: By their words.
    """
    if marks:
        details = {**pending.reading.details, **marks}
        pending.reading = replace(pending.reading, details=details)


def compared_with(walked: Walk, term: Term) -> Tensor | None:
    """The targets of a term; of a square or an absolute value what is left of them.

    Args:
        walked: The graph of the loss.
        term: The term.
    """
    node = walked.nodes[term.node]
    target = saved(node, "target") if term.form == "built_in" else None
    if target is None and term.form in ("squared", "absolute"):
        target = saved(node, "self")
    return target if isinstance(target, Tensor) else None
