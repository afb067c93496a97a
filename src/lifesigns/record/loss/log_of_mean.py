"""The logarithm of a mean of likelihoods, where the mean of their logarithms is wanted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import GUARDS, PASSING, numel, source
from lifesigns.record.loss.summands import PICKING, Term

_FACTORS = frozenset({"Mul", "Div", "Sum"})
_MADE_OF = PASSING | _FACTORS
"""What makes densities of exponentials: their scale, weights of a mixture, and its sum."""


def log_of_mean(walked: Walk, terms: Iterable[Term], samples: int) -> dict[str, float]:
    """Of how many likelihoods the logarithm of the mean is a term of the loss.

    Args:
        walked: The graph of the loss.
        terms: What the loss is a sum of.
        samples: Of the batch.

    Returns:
        The mark `log_of_mean`; none where there is no such term. A logarithm that is added, or
        that of a mean of bare exponentials, is a bound of its own and none.
    """
    for term in terms:
        if term.node < 0 or walked.names[term.node] != "Log" or term.factor >= 0:
            continue
        mean = source(walked, term.node, GUARDS)
        if mean is None or walked.names[mean] != "Mean" or numel(walked.shape(mean)) > 1:
            continue
        each = walked.inputs[mean][0]
        if each is None or each < 0 or walked.shape(each)[:1] != (samples,) or samples < 2:
            continue
        if _is_density(walked, each, samples) or _is_picked(walked, each):
            return {"log_of_mean": float(numel(walked.shape(each)))}
    return {}


def _is_density(walked: Walk, i: int, samples: int) -> bool:
    """Whether exponentials, one or more for each sample, were multiplied by something."""
    queue, seen, passed = [i], {i}, False
    while queue:
        at = queue.pop()
        name = walked.names[at]
        if walked.shape(at)[:1] != (samples,):
            continue
        if name == "Exp" and passed:
            return True
        if name in _MADE_OF:
            passed = passed or name in _FACTORS
            below = {j for j in walked.inputs[at] if j is not None and j >= 0} - seen
            seen |= below
            queue.extend(below)
    return False


def _is_picked(walked: Walk, i: int) -> bool:
    """Whether probabilities of the targets were picked from a softmax."""
    picking = i if walked.names[i] in PICKING else source(walked, i)
    if picking is None or walked.names[picking] not in PICKING:
        return False
    below = source(walked, picking)
    if below is None or walked.names[below] != "Softmax":
        return False
    return not _is_of_one_label(walked.nodes[picking])


def _is_of_one_label(node: Any) -> bool:
    """Whether all are picked for one class: the parts of a bag, which has a single label."""
    indices = saved(node, "indices") or (saved(node, "index"),)
    labels = next((i for i in reversed(indices) if isinstance(i, Tensor)), None)
    return labels is not None and bool((labels == labels.reshape(-1)[0]).all())
