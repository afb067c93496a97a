"""All data that enter a network, where they enter by its first layers and in no other way."""

from __future__ import annotations

from math import prod

from torch import Tensor

from lifesigns.record.graph.operations import ATTENTION_PREFIX, FUSED_RECURRENT
from lifesigns.record.graph.products import DATA, Product, data_of, products
from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import leading_to
from lifesigns.records import Kind

_LOOKED_UP = frozenset({"Embedding", "EmbeddingBag", "Gather", "Index", "IndexSelect"})
_SCALED = frozenset({"Div", "Mul"})
_NORM = "Norm"
"""What the nodes of all normalisations are called at the end."""


def only_data(walked: Walk, condensed: Condensed, output: int, rows: int) -> list[Tensor] | None:
    """What the first layers of a network are given, each as `[rows, numbers]`.

    Args:
        walked: The graph of a loss.
        condensed: Its sites.
        output: The node of the network's output.
        rows: Samples of a batch.

    Returns:
        Without what a normalisation of whole rows is given, of which neither mean nor deviation is
        left. None where something is looked up, or data are added, joined or multiplied on the way.
    """
    found: list[Tensor] = []
    layers = {product.node: product for product in products(walked)}
    for i in sorted(leading_to(walked, [output])):
        name, inputs = walked.names[i], walked.inputs[i]
        if name in _LOOKED_UP:
            return None
        if None not in inputs or _adds_nothing(walked, condensed, i, rows):
            continue
        if i in layers and layers[i].data is not None and layers[i].weight is not None:
            continue
        data = _by_rows(_data(walked, i, layers.get(i)), rows, by_time=name in FUSED_RECURRENT)
        if data is None:
            return None
        found.append(data)
    return found


def _adds_nothing(walked: Walk, condensed: Condensed, i: int, rows: int) -> bool:
    """Whether what has no gradient are constants of an operation, or rows lose all by it."""
    name, first = walked.names[i], walked.inputs[i][0]
    if name.startswith(ATTENTION_PREFIX):
        return first is not None
    if name.endswith(_NORM):
        return first is not None or _takes_whole_rows(walked, i, rows)
    if name in FUSED_RECURRENT:
        return first is not None
    site = condensed.site_of_node.get(i)
    if site is not None and condensed.graph.sites[site].kind is Kind.DROPOUT:
        return True
    factor = saved(walked.nodes[i], "other") if name in _SCALED and first is not None else None
    return isinstance(factor, Tensor) and factor.dim() == 0


def _takes_whole_rows(walked: Walk, i: int, rows: int) -> bool:
    """Whether a normalisation gives all numbers of a sample, or of a channel of it, a mean of 0."""
    given = saved(walked.nodes[i], "input")
    if not isinstance(given, Tensor):
        return False
    if walked.names[i] == "NativeLayerNorm":
        sizes: tuple[int, ...] = saved(walked.nodes[i], "normalized_shape")
        return prod(sizes) * rows == given.numel()
    if walked.names[i] == "NativeGroupNorm":
        return True
    by_sample = given.shape[0] == 1 < rows and given.shape[1] % rows == 0
    return walked.names[i].endswith("BatchNorm") and by_sample


def _data(walked: Walk, i: int, product: Product | None) -> Tensor | None:
    name = walked.names[i]
    if product is not None:
        return data_of(walked, product) if name in DATA else None
    given = saved(walked.nodes[i], "input") if name in FUSED_RECURRENT else None
    return given if isinstance(given, Tensor) else None


def _by_rows(data: Tensor | None, rows: int, *, by_time: bool) -> Tensor | None:
    if data is None or not data.is_floating_point() or data.numel() % rows:
        return None
    data = data.detach().transpose(0, 1) if by_time and data.dim() > 2 else data.detach()
    return data.reshape(rows, -1)
