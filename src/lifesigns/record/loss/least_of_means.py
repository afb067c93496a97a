"""The least of several losses of a whole batch, where each sample could have its own.

A loss that does not know the order of its outputs, as of separated voices, takes the match that
fits best. Yu et al., 2017, "Permutation invariant training of deep models for speaker-independent
multi-talker speech separation": for each utterance. Of scores, of which the loss is the negative,
that is the largest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lifesigns.record.graph.operations import signed
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import ABOVE, PASSING, leading_to
from lifesigns.record.loss.summands import Term, parts_of

_LEAST = frozenset({"Amin", "Min", "Minimum"})
_MOST = frozenset({"Amax", "Max", "Maximum"})
_OVER_SAMPLES = frozenset({"Mean", "Sum"})


def least_of_means(walked: Walk, terms: Iterable[Term]) -> dict[str, float]:
    """How many losses of all samples of a batch are compared, of which the least counts.

    Args:
        walked: The graph of the loss.
        terms: What it is a sum of.

    Returns:
        The mark `batch_options`; none where the values are of single samples, or of networks that
        share nothing.
    """
    if (_LEAST | _MOST).isdisjoint(walked.names):
        return {}
    for i, factor in _above(walked, terms):
        is_best = walked.names[i] in (_LEAST if factor > 0 else _MOST)
        options = _options(walked, i) if is_best else []
        if len(options) > 1 and _share_samples(walked, options):
            return {"batch_options": float(len(options))}
    return {}


def _above(walked: Walk, terms: Iterable[Term]) -> Iterator[tuple[int, float]]:
    """Nodes between the terms of a loss and what they are made of, with the sign of each."""
    queue = [(term.node, term.factor) for term in terms if term.node >= 0]
    seen = {i for i, _ in queue}
    while queue:
        i, factor = queue.pop(0)
        yield i, factor
        parts = parts_of(walked, i, factor)
        if parts is None and walked.names[i] in ABOVE:
            below = _inputs(walked, i)
            parts = [(j, factor) for j in below] if len(below) == 1 else []
        parts = [(j, by) for j, by in parts or () if j >= 0 and j not in seen]
        seen.update(j for j, _ in parts)
        queue += parts


def _options(walked: Walk, i: int) -> list[int]:
    """What each of the numbers that a minimum is taken of was made of, where these are means."""
    below = _inputs(walked, i)
    while len(below) == 1 and walked.names[below[0]] in PASSING:
        below = _inputs(walked, below[0])
    if len(below) != 1:
        return below if not any(walked.shape(j) for j in below) else []
    (mean,) = below
    stacked = _inputs(walked, mean) if walked.names[mean] in _OVER_SAMPLES else []
    if len(stacked) != 1 or walked.names[stacked[0]] not in ("Cat", "Stack"):
        return []
    each = _inputs(walked, stacked[0])
    over, axis = (saved(walked.nodes[i], "dim") for i in (mean, stacked[0]))
    if not isinstance(over, tuple) or not isinstance(axis, int):
        return []
    count = len(walked.shape(stacked[0])) or 1
    is_kept = signed(axis) % count not in {signed(int(dim)) % count for dim in over}
    return each if is_kept and walked.shape(mean) == (len(each),) else []


def _inputs(walked: Walk, i: int) -> list[int]:
    return [j for j in walked.inputs[i] if j is not None and j >= 0]


def _share_samples(walked: Walk, options: list[int]) -> bool:
    """Whether all are made of the same outputs, of more than one sample."""
    shared = set.intersection(*(leading_to(walked, [i]) for i in options))
    return any(len(shape) > 1 and shape[0] > 1 for shape in map(walked.shape, shared))
