"""As many values against as many in a loss, (N) and (N, 1), and all pairs of them go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from lifesigns.record.graph.operations import VIEWS
from lifesigns.record.graph.prediction import Prediction
from lifesigns.record.graph.walk import Walk, saved, shape_of, snake_case, value_as_used
from lifesigns.record.loss.composed import data_factor
from lifesigns.record.loss.sources import PASSING, before_expand, source
from lifesigns.record.loss.summands import Term
from lifesigns.records import Crossing, Shape

PAIRING = frozenset({"Sub", "Rsub", "Add", "Mul", "Div", "Maximum", "Minimum"})
ELEMENTWISE = PASSING | PAIRING | frozenset(
    {
        "Abs", "Clamp", "ClampMax", "ClampMin", "Exp", "HuberLoss", "Log", "MseLoss", "Neg",
        "Pow", "Relu", "SmoothL1Loss", "Sqrt",
    }
)  # fmt: skip
INTENDED = frozenset({"Unsqueeze", "T", "Transpose", "Permute"})
"""Nodes by which somebody makes all pairs on purpose."""
"""The same where both sides come from the network; a target may be flattened by mistake."""
PICKING = frozenset({"Index", "IndexSelect"})
WHOLE = ELEMENTWISE | {"LinalgVectorNorm", "Mean", "Norm", "Sum"}
"""What may stand between a term of the loss, which is one number, and the values it is made of."""


def crossing(walked: Walk, terms: Iterable[Term]) -> Crossing | None:
    """The first place where N values meet N others and N² pairs go on to the loss.

    Only elementwise operations lie above it, and a plain sum, mean or norm, or the root of one:
    pairs that are masked, compared, normalised or joined with another table of pairs (a Gram
    matrix) are meant to be pairs.

    Args:
        walked: The graph of the loss.
        terms: What the loss is a sum of.
    """
    for i in _pairs(walked, terms):
        if (found := _crossed(walked, i)) is not None:
            return found
    return None


def is_paired(walked: Walk, i: int, prediction: Prediction | None) -> bool:
    """Whether what a loss compares was made a column or row after it had left the network.

    Args:
        walked: The graph of the loss.
        i: Index of the node that compares.
        prediction: The root module's output: its shape is the network's own.
    """
    operand = next((j for j in walked.inputs[i] if j is not None), None)
    if operand is None:
        return False
    operand, _ = before_expand(walked, operand)
    meant = operand >= 0 and walked.names[operand] in INTENDED
    return meant and (prediction is None or not walked.makes(operand, prediction.node))


def _pairs(walked: Walk, terms: Iterable[Term]) -> Iterator[int]:
    """The nodes that give N² values, as far as nothing but elementwise operations reads them."""
    plain = [term.node for term in terms if term.weight is None or term.weight.dim() < 2]
    starts = [j for node in plain for j in _summed(walked, node)]
    queue = [j for j in starts if not _holds_table(walked, j)]
    seen = set(queue)
    while queue:
        i = queue.pop(0)
        shape = walked.shape(i)
        square = len(shape) == 2 and shape[0] == shape[1] > 1
        if square and _picks_for_all(walked, i):
            yield i
        if not square or not _is_elementwise(walked, i) or _is_masked(walked, i, shape):
            continue
        below = [j for j in walked.inputs[i] if j is not None and j >= 0]
        if walked.names[i] in PAIRING:
            yield i
        queue.extend(j for j in below if j not in seen)
        seen.update(below)


def _summed(walked: Walk, i: int) -> list[int]:
    """The values that a term is computed from where it is one number, such as a root of a mean."""
    found, queue, seen = [], [i], {i}
    while queue:
        j = queue.pop(0)
        if walked.shape(j) or walked.names[j] not in WHOLE:
            found.append(j)
            continue
        below = [k for k in walked.inputs[j] if k is not None and k >= 0 and k not in seen]
        seen.update(below)
        queue.extend(below)
    return found


def _holds_table(walked: Walk, i: int) -> bool:
    """Whether a table of pairs that nothing was broadcast for, as a matrix product, goes in."""
    shape, queue, seen = walked.shape(i), [i], {i}
    while queue:
        j = queue.pop()
        if not _is_elementwise(walked, j):
            return len(shape) == 2 and not _picks_for_all(walked, j)
        below = {k for k in walked.inputs[j] if k is not None and k >= 0} - seen
        queue += [k for k in below if walked.shape(k) == shape]
        seen |= below
    return False


def _is_elementwise(walked: Walk, i: int) -> bool:
    """Whether it changes each value by itself: in pieces, too, but it masks none of them.

    A `where` of two branches with a gradient gives each value one or the other form, as a Huber
    loss does; with a constant for one of them it leaves pairs out.
    """
    if walked.names[i] == "Where":
        return None not in walked.inputs[i]
    return walked.names[i] in ELEMENTWISE


def _is_masked(walked: Walk, i: int, shape: Shape) -> bool:
    product = data_factor(walked, i)
    return product is not None and tuple(product[0].shape) == shape


def _picks_for_all(walked: Walk, i: int) -> bool:
    """Whether an index takes, from each of N rows, the columns that N samples name.

    Samples name columns more than once, as there are fewer classes; whoever selects columns, or
    puts them in another order, does not.
    """
    if walked.names[i] not in PICKING:
        return False
    node, rows = walked.nodes[i], walked.shape(i)[:1]
    indices = saved(node, "indices") or (None, saved(node, "index"))
    if len(indices) != 2 or indices[0] is not None or not isinstance(indices[1], Tensor):
        return False
    if walked.names[i] == "IndexSelect" and node._saved_dim != 1:
        return False
    labels = indices[1]
    if tuple(labels.shape) != rows:
        return False
    ordered = labels.sort().values
    return bool((ordered[1:] == ordered[:-1]).any())


def _crossed(walked: Walk, i: int) -> Crossing | None:
    inputs, result = walked.inputs[i], walked.shape(i)
    if walked.names[i] in PICKING:
        given = _operand(walked, inputs[0])
        named = snake_case(walked.names[i])
        return None if given is None else Crossing(named, given, result[:1], result)
    shapes = [_operand(walked, j) for j in inputs]
    known = [shape for shape in shapes if shape is not None]
    if len(inputs) != 2 or not known or any(_numel(s) != result[0] for s in known):
        return None
    if any(j is not None and j >= 0 and walked.names[j] in INTENDED for j in inputs):
        return None
    if len(known) == 2:
        left, right = known
        shaped = any(j is not None and j >= 0 and walked.names[j] in VIEWS for j in inputs)
        same = _origin(walked, inputs[0]) == _origin(walked, inputs[1])
        return (
            None if same or shaped else Crossing(snake_case(walked.names[i]), left, right, result)
        )
    (given,) = known
    other = _data_shape(walked, i, given, result)
    return None if other is None else Crossing(snake_case(walked.names[i]), given, other, result)


def _operand(walked: Walk, j: int | None) -> Shape | None:
    if j is None:
        return None
    return walked.shape(j) if j >= 0 else walked.leaf_shape(-1 - j)


def _origin(walked: Walk, j: int | None) -> int | None:
    return j if j is None or j < 0 or walked.names[j] not in PASSING else source(walked, j)


def _data_shape(walked: Walk, i: int, given: Shape, result: Shape) -> Shape | None:
    """The shape of the operand without a gradient, if it has one value for each row or column."""
    node, crossed = walked.nodes[i], (1, result[0]) if given[-1:] == (1,) else (result[0], 1)
    side = "self" if walked.inputs[i][0] is None else "other"
    value = saved(node, side)
    if isinstance(value, Tensor):
        shape = shape_of(value)
        return shape if _numel(shape) == result[0] else None
    sums = value_as_used(walked, i) if walked.names[i] in ("Sub", "Rsub", "Add") else None
    return crossed if sums is not None and _is_additive(sums) else None


def _is_additive(sums: Tensor) -> bool:
    """Whether a table is a column plus a row, and so neither of the two a table."""
    table = sums.detach().double()
    if tuple(table.shape) != (len(table), len(table)) or not bool(torch.isfinite(table).all()):
        return False
    rows, columns = table - table[:1], table - table[:, :1]
    off = (rows - rows[:, :1]).abs().max()
    size = table.abs().max() * 1e-5
    return bool(off <= size) and bool(rows.abs().max() > size < columns.abs().max())


def _numel(shape: Shape) -> int:
    return int(torch.Size(shape).numel())
