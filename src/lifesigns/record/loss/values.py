"""The value of a node, wherever the graph or the network's output keeps it."""

from __future__ import annotations

import torch
from torch import Tensor

from lifesigns.record.graph.operations import ACTIVATION_NODES, activation_value
from lifesigns.record.graph.prediction import Prediction
from lifesigns.record.graph.walk import Walk, saved, value_as_used
from lifesigns.record.loss.sources import PASSING
from lifesigns.record.readable import readable

_IN_ORDER = frozenset(
    {"Alias", "Clone", "Reshape", "ReshapeAlias", "Squeeze", "UnsafeView", "Unsqueeze", "View"}
)
"""Nodes that hand every element on as it is, in the order in which they lie."""


def value_of(walked: Walk, index: int, prediction: Prediction | None) -> Tensor | None:
    """The value a node made: the network's output, an activation's, or as later nodes keep it.

    Args:
        walked: The graph of the loss.
        index: Index of the node.
        prediction: The root module's output, if it is known.

    Returns:
        None where nothing keeps the value.
    """
    while index >= 0:
        if prediction is not None and walked.makes(index, prediction.node):
            return prediction.value
        if walked.names[index] in ACTIVATION_NODES:
            return activation_value(walked.names[index], walked.nodes[index])[0]
        result: Tensor | None = saved(walked.nodes[index], "result")
        if result is not None:
            return result
        if (used := value_as_used(walked, index)) is not None:
            return used
        if walked.names[index] == "Addmm":
            return _affine(walked, index)
        below = walked.inputs[index][0]
        if walked.names[index] not in PASSING or below is None:
            return None
        index = below
    return prediction.value if prediction is not None and prediction.node is None else None


def _affine(walked: Walk, index: int) -> Tensor | None:
    """What a linear layer gave: one of several heads is kept by nothing else."""
    node, leaf = walked.nodes[index], walked.inputs[index][0]
    given, weight = saved(node, "mat1"), saved(node, "mat2")
    if leaf is None or leaf >= 0 or given is None or weight is None:
        return None
    bias = readable(walked.leaves[-1 - leaf])
    return None if bias is None else torch.addmm(bias, given.detach(), weight.detach())


def written_out(walked: Walk, index: int) -> Tensor | None:
    """What the last layer of a network gave that is no module: `x @ w`, or `x @ w + b`.

    Args:
        walked: The graph of the loss.
        index: Index of the node that made it.

    Cost: the product, once more.
    """
    while index >= 0 and walked.names[index] in _IN_ORDER:
        given = walked.inputs[index][0]
        index = -1 if given is None else given
    if index < 0:
        return None
    if walked.names[index] == "Mm":
        return _product(walked, index)
    if walked.names[index] != "Add" or walked.nodes[index]._saved_alpha != 1:
        return None
    summands = [i for i in walked.inputs[index] if i is not None]
    if len(summands) != 2 or not min(summands) < 0 <= max(summands):
        return None
    if walked.names[max(summands)] != "Mm":
        return None
    bias, product = readable(walked.leaves[-1 - min(summands)]), _product(walked, max(summands))
    return None if bias is None or product is None else product + bias


def _product(walked: Walk, index: int) -> Tensor | None:
    node = walked.nodes[index]
    given, weight = saved(node, "self"), saved(node, "mat2")
    return None if given is None or weight is None else given.detach() @ weight.detach()
