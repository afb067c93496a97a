"""A squared error of the largest of a network's outputs, whatever was chosen."""

from __future__ import annotations

from lifesigns.record.graph.operations import LINEAR_MAPS, signed
from lifesigns.record.graph.prediction import Prediction
from lifesigns.record.graph.walk import Walk
from lifesigns.record.loss.sources import PARTS, PASSING
from lifesigns.record.loss.summands import OF_NUMBERS, residual_below

_SUMS = PASSING | {"Add", "Sub"}
"""What a network may make its outputs with of those of its last layers."""


def takes_best(walked: Walk, at: int, prediction: Prediction) -> bool:
    """Whether what is compared is the maximum over the units of a network's linear output.

    The maximum is taken outside the network, of what it returned: inside, it is a layer like any
    other.

    Args:
        walked: The graph of the loss.
        at: Index of the node of the data term.
        prediction: The root module's output.
    """
    if prediction.node is None or prediction.value.dim() < 2:
        return False
    operands = walked.inputs[at] if walked.names[at] in OF_NUMBERS else ()
    if not operands and (difference := residual_below(walked, at)) is not None:
        operands = walked.inputs[difference]
    return any(_is_best(walked, i, prediction) for i in operands if i is not None)


def _is_best(walked: Walk, i: int, prediction: Prediction) -> bool:
    while i >= 0 and walked.names[i] in PARTS:
        i = _below(walked, i)
    if i < 0 or walked.names[i] not in ("Amax", "Max"):
        return False
    node, output = walked.nodes[i], _below(walked, i)
    dims = getattr(node, "_saved_dim", ())
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    last = prediction.value.dim() - 1
    if [signed(dim) % (last + 1) for dim in dims] != [last] or not walked.makes(
        output, prediction.node
    ):
        return False
    while output >= 0 and walked.names[output] in _SUMS:
        output = _below(walked, output)
    units = prediction.value.shape[-1]
    is_linear = output >= 0 and walked.names[output] in LINEAR_MAPS
    return units > 1 and is_linear and walked.shape(output)[-1:] == (units,)


def _below(walked: Walk, i: int) -> int:
    return next((j for j in walked.inputs[i] if j is not None), -1 - len(walked.leaves))
