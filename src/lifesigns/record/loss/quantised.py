"""Whether a data term begins at chosen rows of a codebook, and reaches it alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lifesigns.record.graph.products import Product, data_of, products
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import leading_to
from lifesigns.record.loss.summands import Term, residual_below

LOOKUPS = frozenset({"Embedding", "Gather", "Index", "IndexSelect"})
"""Nodes that choose rows; the choice has no gradient."""


def is_quantised(walked: Walk, data: int, terms: Sequence[Term]) -> bool:
    """Whether the data term reaches a codebook, and not the layers that chose of it.

    Those layers show by the other terms: what they made and what was chosen are drawn together,
    one difference in two terms, of which each has a gradient for one side.

    Args:
        walked: The graph of the loss.
        data: Index of the node of the data term.
        terms: All terms.
    """
    if len(terms) < 2:
        return False
    differences = [(t.node, d) for t in terms if (d := _difference(walked, t)) is not None]
    if len(differences) < 2:
        return False
    layers = list(products(walked))
    reached = leading_to(walked, [data])
    below = {node: leading_to(walked, [node]) for node, _ in differences}
    for chosen, one in differences:
        if chosen == data or not _is_choice(walked, below[chosen], layers, reached):
            continue
        for maker, other in differences:
            made = {layer.node for layer in layers if layer.node in below[maker]}
            if made and made.isdisjoint(reached) and _is_same(one, other):
                return True
    return False


def _is_choice(walked: Walk, below: set[int], layers: Sequence[Product], reached: set[int]) -> bool:
    """Whether a term leads to nothing but chosen rows of a table that the data term reaches."""
    made = [layer for layer in layers if layer.node in below]
    if made:  # a choice by a product: rows of zeros with a single one
        return all(layer.node in reached and _is_one_hot(walked, layer) for layer in made)
    return any(i in reached and walked.names[i] in LOOKUPS for i in below)


def _is_one_hot(walked: Walk, layer: Product) -> bool:
    data = data_of(walked, layer)
    return data is not None and bool(((data != 0).sum(-1) == 1).all())


def _difference(walked: Walk, term: Term) -> Tensor | None:
    """What a term squares; None where it is no squared difference, or cannot be read."""
    node = walked.nodes[term.node]
    if term.form == "squared" and residual_below(walked, term.node) is not None:
        residual = saved(node, "self")
        return residual.detach() if isinstance(residual, Tensor) else None
    if walked.names[term.node] != "MseLoss":
        return None
    given, target = saved(node, "self"), saved(node, "target")
    if not (isinstance(given, Tensor) and isinstance(target, Tensor)):
        return None
    return given.detach() - target.detach() if given.shape == target.shape else None


def _is_same(one: Tensor, other: Tensor) -> bool:
    """Whether two differences are one, whichever side was taken from which."""
    return one.shape == other.shape and torch.equal(one.abs(), other.abs()) and bool(one.any())
