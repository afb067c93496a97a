"""Whether one module that stands at several places of a list is asked the same again and again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable

from torch import nn

from lifesigns.record.graph.products import Product, data_of, parameter_of, products
from lifesigns.record.graph.walk import Walk

RESHAPING = frozenset({"View", "UnsafeView", "ToCopy"})
"""Nodes that a layer puts before its product: the data behind them is the same."""


def shares_layers(walked: Walk) -> bool:
    """Whether a weight multiplies at several places.

    Args:
        walked: The graph of a loss.
    """
    leaves = [parameter_of(walked, layer) for layer in products(walked)]
    asked = Counter(leaf for leaf in leaves if leaf is not None)
    return max(asked.values(), default=0) > 1


def same_answers(walked: Walk, networks: Iterable[nn.Module]) -> dict[str, float]:
    """How many times over such a module was given one and the same input, as a mark of the loss.

    Args:
        walked: The graph of a loss.
        networks: Those that are trained.

    Returns:
        Empty where none was: a module that is given something else each time shares its weights.
    """
    asked = Counter(
        (leaf, given)
        for layer in products(walked)
        if (leaf := parameter_of(walked, layer)) is not None
        and (given := _given(walked, layer)) is not None
    )
    again = {id(walked.leaves[leaf]): n for (leaf, _), n in asked.items() if n > 1}
    if not again:
        return {}
    several = [
        module
        for network in networks
        for holder in network.modules()
        if isinstance(holder, nn.ModuleList)
        for module, places in Counter(holder).items()
        if places > 1
    ]
    most = max((again.get(id(p), 0) for m in several for p in m.parameters()), default=0)
    return {"same_answers": float(most)} if most else {}


def _given(walked: Walk, layer: Product) -> Hashable:
    """What tells the data of a product from others: the output of a node, or a place in memory."""
    if layer.data is None:
        data = data_of(walked, layer)
        return None if data is None else (data.data_ptr(), tuple(data.shape))
    at, slot = layer.node, 0 if walked.names[layer.node] == "Convolution" else -2
    while True:
        i, output = walked.inputs[at][slot], walked.nodes[at].next_functions[slot][1]
        if i is None or i < 0 or walked.names[i] not in RESHAPING:
            return None if i is None else (i, output)
        at, slot = i, 0
