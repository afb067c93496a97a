"""Operations that multiply data by a weight, and the data that they keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor, nn

from lifesigns.record.graph.operations import LINEAR_MAPS
from lifesigns.record.graph.walk import Walk, saved

DATA = {**{name: LINEAR_MAPS[name][0] for name in ("Addmm", "Mm", "Bmm")}, "Convolution": "input"}
"""Under which name a node keeps the data that it multiplies by a weight."""

UNTURNED = frozenset({"Addmm", "Mm"})
"""Products whose second factor is as it is, `x @ W`: a layer of torch turns its weight around."""


class Product(NamedTuple):
    """A product, and where its factors come from: as in `Walk.inputs`, None for data."""

    node: int
    data: int | None
    weight: int | None


def products(walked: Walk) -> Iterator[Product]:
    """All products of a graph, in forward order.

    Args:
        walked: The graph.
    """
    for index, name in enumerate(walked.names):
        if name in DATA:
            inputs = walked.inputs[index]
            yield Product(index, *(inputs[:2] if name == "Convolution" else inputs[-2:]))


def parameter_of(walked: Walk, product: Product) -> int | None:
    """Which of `Walk.leaves` a product's weight is, as it is, transposed or cast.

    Args:
        walked: The graph.
        product: One of it.
    """
    leaf = _leaf_of(walked, product.weight)
    return leaf if leaf is not None and isinstance(walked.leaves[leaf], nn.Parameter) else None


def _leaf_of(walked: Walk, weight: int | None) -> int | None:
    """Which leaf a weight is, as it is, transposed or cast."""
    while weight is not None and weight >= 0:
        inputs = [j for j in walked.inputs[weight] if j is not None]
        weight = inputs[0] if len(inputs) == 1 else None
    return None if weight is None else -1 - weight


def by_columns(walked: Walk) -> set[int]:
    """The parameters, by `id`, whose columns are the units: W in `x @ W`.

    The graph of a derivative multiplies by the weights of layers as they are: these have rows.

    Args:
        walked: The graph.
    """
    as_it_is, turned = set[int](), set[int]()
    for product in products(walked):
        leaf = _leaf_of(walked, product.weight)
        if leaf is None or product.weight is None:
            continue
        if product.weight >= 0:
            turned.add(leaf)
        elif walked.names[product.node] in UNTURNED and (product.data is None or product.data >= 0):
            as_it_is.add(leaf)
    return {id(walked.leaves[leaf]) for leaf in as_it_is - turned}


def data_of(walked: Walk, product: Product) -> Tensor | None:
    """The data that a product multiplies, if it has no graph and can be read.

    Args:
        walked: The graph.
        product: One of it.
    """
    if product.data is not None:
        return None
    data = saved(walked.nodes[product.node], DATA[walked.names[product.node]])
    return data if isinstance(data, Tensor) else None
