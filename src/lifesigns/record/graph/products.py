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
    i = product.weight
    while i is not None and i >= 0:
        inputs = [j for j in walked.inputs[i] if j is not None]
        i = inputs[0] if len(inputs) == 1 else None
    if i is None or not isinstance(walked.leaves[-1 - i], nn.Parameter):
        return None
    return -1 - i


def by_columns(walked: Walk) -> set[int]:
    """The parameters, by `id`, whose columns are the units: W in `x @ W`.

    Args:
        walked: The graph.
    """
    return {
        id(walked.leaves[-1 - product.weight])
        for product in products(walked)
        if walked.names[product.node] in UNTURNED
        and product.weight is not None
        and product.weight < 0
        and (product.data is None or product.data >= 0)
    }


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
