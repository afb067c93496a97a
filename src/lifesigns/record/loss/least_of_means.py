"""The least of several losses of a whole batch, where each sample could have its own.

A loss that does not know the order of its outputs, as of separated voices, takes the match that
fits best. Yu et al., 2017, "Permutation invariant training of deep models for speaker-independent
multi-talker speech separation": for each utterance.
"""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.record.graph.walk import Walk
from lifesigns.record.loss.sources import ABOVE, PASSING, leading_to, reached
from lifesigns.record.loss.summands import Term

_LEAST = frozenset({"Amin", "Min", "Minimum"})


def least_of_means(walked: Walk, terms: Iterable[Term]) -> dict[str, float]:
    """How many losses of all samples of a batch are compared, of which the least counts.

    Args:
        walked: The graph of the loss.
        terms: What it is a sum of.

    Returns:
        The mark `batch_options`; none where the values are of single samples, or of networks that
        share nothing.
    """
    if _LEAST.isdisjoint(walked.names):
        return {}
    for i in reached(walked, [term.node for term in terms], ABOVE):
        options = _options(walked, i) if walked.names[i] in _LEAST else []
        if len(options) > 1 and _share_samples(walked, options):
            return {"batch_options": float(len(options))}
    return {}


def _options(walked: Walk, i: int) -> list[int]:
    """What each of the numbers that a minimum is taken of was made of, where these are means."""
    below = _inputs(walked, i)
    while len(below) == 1 and walked.names[below[0]] in PASSING:
        below = _inputs(walked, below[0])
    if len(below) != 1:
        return below if not any(walked.shape(j) for j in below) else []
    (mean,) = below
    stacked = _inputs(walked, mean) if walked.names[mean] == "Mean" else []
    if len(stacked) != 1 or walked.names[stacked[0]] != "Stack":
        return []
    each = _inputs(walked, stacked[0])
    return each if walked.shape(mean) == (len(each),) else []


def _inputs(walked: Walk, i: int) -> list[int]:
    return [j for j in walked.inputs[i] if j is not None and j >= 0]


def _share_samples(walked: Walk, options: list[int]) -> bool:
    """Whether all are made of the same outputs, of more than one sample."""
    shared = set.intersection(*(leading_to(walked, [i]) for i in options))
    return any(len(shape) > 1 and shape[0] > 1 for shape in map(walked.shape, shared))
