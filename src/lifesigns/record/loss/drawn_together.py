"""Whether all that a loss asks for is that pairs of trained embeddings point the same way."""

from __future__ import annotations

from torch import nn

from lifesigns.record.graph.own_length import normalised_along
from lifesigns.record.graph.walk import Walk
from lifesigns.record.loss.sources import PASSING, leading_to, source
from lifesigns.record.loss.summands import Term, Terms

WHITENING = frozenset(
    {"LinalgCholeskyEx", "LinalgEigh", "LinalgInvEx", "LinalgQr", "LinalgSvd", "LinalgSolveEx"}
)
"""Nodes that are there where embeddings are made uncorrelated: these cannot become one."""


def drawn_together(walked: Walk, terms: Terms) -> dict[str, float]:
    """Whether a loss is lowest where the same weights give everything one direction.

    Args:
        walked: The graph of the loss.
        terms: What it is a sum of.

    Returns:
        The mark `drawn_together`, which counts the terms, where each is the cosine of two
        embeddings that it makes larger, and both have a gradient to weights they share; none where
        there is anything else in the loss.
    """
    found = terms.found
    if not found or terms.penalties or not WHITENING.isdisjoint(walked.names):
        return {}
    if all(_is_drawn(walked, term) for term in found):
        return {"drawn_together": float(len(found))}
    return {}


def _is_drawn(walked: Walk, term: Term) -> bool:
    i = term.node
    is_product = i >= 0 and walked.names[i] == "Mul" and len(set(walked.inputs[i]) - {None}) == 2
    if term.factor >= 0 or term.weight is not None or not is_product:
        return False
    sides = [_embeddings(walked, j) for j in walked.inputs[i]]
    weights = [_weights(walked, j) for j in sides if j is not None]
    return len(weights) == len(sides) and not weights[0].isdisjoint(weights[1])


def _embeddings(walked: Walk, i: int | None) -> int | None:
    """The node that divides embeddings by their length; None where there is none."""
    if i is not None and i >= 0 and walked.names[i] in PASSING:
        i = source(walked, i)
    known = i is not None and i >= 0 and "length_dim" in normalised_along(walked, i)
    return i if known else None


def _weights(walked: Walk, i: int) -> set[int]:
    """The parameters that a node leads to, numbered as inputs are."""
    below = {j for k in leading_to(walked, [i]) for j in walked.inputs[k] if j is not None}
    return {j for j in below if j < 0 and isinstance(walked.leaves[-1 - j], nn.Parameter)}
