"""Likelihoods of scores, `-log σ(s)`, all of which are satisfied by large scores."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import PASSING, leading_to, source
from lifesigns.record.loss.summands import Terms

_BELOW_LOG = PASSING | {"Add", "Clamp", "ClampMin"}


def one_way(walked: Walk, terms: Terms) -> dict[str, float]:
    """Whether all there is to a loss is to push up several kinds of scores, as they are.

    Args:
        walked: The graph of the loss.
        terms: What it is a sum of.

    Returns:
        The mark `scores_up`, which counts the terms; none where there is one alone, as in a
        comparison of two scores, where another term may hold the scores, or where a sign turns any
        value on the way to them.
    """
    found = terms.found
    if len(found) < 2 or terms.penalised or any(term.factor >= 0 for term in found):
        return {}
    scores = [_scores(walked, term.node) for term in found]
    known = [i for i in scores if i is not None]
    if len(known) < len(scores) or len(set(known)) < len(known) or _turns(walked, known):
        return {}
    return {"scores_up": float(len(found))}


def _scores(walked: Walk, i: int) -> int | None:
    """Index of the scores whose log-sigmoid a node is; None if it is anything else."""
    if i >= 0 and walked.names[i] == "Log":
        i = -1 if (below := source(walked, i, _BELOW_LOG)) is None else below
        return source(walked, i) if i >= 0 and walked.names[i] == "Sigmoid" else None
    return source(walked, i) if i >= 0 and walked.names[i] == "LogSigmoid" else None


def _turns(walked: Walk, starts: Sequence[int]) -> bool:
    """Whether any value that leads to some has its sign turned, or is taken from another."""
    for i in leading_to(walked, starts):
        name, node = walked.names[i], walked.nodes[i]
        if name in ("Neg", "Sub", "Rsub"):
            return True
        if name in ("Mul", "Div") and len([j for j in walked.inputs[i] if j is not None]) == 1:
            factors = (saved(node, side) for side in ("self", "other"))
            if any(_is_below_0(factor) for factor in factors):
                return True
    return False


def _is_below_0(factor: object) -> bool:
    if isinstance(factor, Tensor):
        return bool((factor < 0).any())
    return isinstance(factor, int | float) and factor < 0
