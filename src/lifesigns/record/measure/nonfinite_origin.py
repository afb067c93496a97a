"""Where the first NaN or infinity of a step came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from lifesigns.record.graph.operations import signed
from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk, saved, saved_tensors, snake_case
from lifesigns.record.readable import on_this_rank
from lifesigns.records import NonFinite

MASKS = frozenset({"MaskedFill", "Where", "ConstantPadNd"})
"""Operations that put infinities in on purpose."""


SOFTMAXES = frozenset({"Softmax", "SafeSoftmax", "LogSoftmax"})
PRODUCTS = frozenset({"Bmm", "Baddbmm", "Mm", "Addmm"})
ADDING = frozenset({"Add", "Baddbmm"})
"""Operations that may add a mask of 0 and -inf."""
DIFFERENCES = frozenset({"Sub", "Rsub"})
"""Operations that keep nothing, and make no NaN of finite numbers: a constant brought it."""
SMALL = 1e3
"""Size of factors whose products overflow in no precision: a float16 reaches 6.5e4."""
MOST_BETWEEN = 16
"""Operations between a softmax and the product that made its scores."""

RECOMPUTED: dict[str, Callable[..., Tensor]] = {
    "Log": torch.log,
    "Log2": torch.log2,
    "Log10": torch.log10,
    "Log1P": torch.log1p,
    "Acos": torch.acos,
    "Asin": torch.asin,
    "Acosh": torch.acosh,
    "Atanh": torch.atanh,
    "Pow": torch.pow,
    "Div": torch.div,
    "Mul": torch.mul,
}
"""Functions that can leave the numbers and keep only what they were given."""


def forward_origin(
    walked: Walk, condensed: Condensed, leaf_names: list[str], batch: Tensor | None
) -> NonFinite:
    """The origin of a non-finite loss: the batch, the parameters, other data, or an operation.

    The parameters are looked at from the output backwards: a backward pass that went wrong spoils
    everything in front of it, so the spoilt parameter nearest the output marks the place.

    Args:
        walked: The graph of the loss, before its backward pass.
        condensed: Its sites.
        leaf_names: A name for each leaf.
        batch: The root module's input, if it was kept.
    """
    if batch is not None and (bad := _count(batch)):
        return NonFinite("batch", "input", "", bad)
    spoilt = [k for k, leaf in enumerate(walked.leaves) if _count(leaf)]
    if spoilt:
        order = _leaf_order(walked)
        last = max(spoilt, key=lambda k: order.get(k, -1))
        return NonFinite("parameters", leaf_names[last], "", _count(walked.leaves[last]))
    return _first_operation(walked, condensed)


def _first_operation(walked: Walk, condensed: Condensed) -> NonFinite:
    """The oldest node whose result is not finite, or that was given such data.

    It shows in what a later node saved of it, or, for functions that keep only their input, when
    the result is computed again.
    """
    position = {node: i for i, node in enumerate(walked.nodes)}
    first: tuple[int, int] | None = None
    for i, node in enumerate(walked.nodes):
        for _, tensor in saved_tensors(node):
            if not tensor.is_floating_point() or not (bad := _count(tensor)):
                continue
            maker = position.get(tensor.grad_fn, i) if tensor.grad_fn is not None else None
            if maker is None or walked.names[maker] in MASKS:
                continue
            if first is None or maker < first[0]:
                first = (maker, bad)
        if first is not None and first[0] <= i:
            break
        if bad := _recomputed(walked.names[i], node):
            first = (i, bad)
            break
    given = _given(walked, first)
    if given is not None:
        operation = snake_case(walked.names[given[0]])
        return NonFinite("data", _place(condensed, given[0], operation), operation, given[1])
    index, bad = first if first is not None else (len(walked) - 1, 1)
    low, high = _input_range(walked.nodes[index])
    operation = snake_case(walked.names[index])
    place, rows = _place(condensed, index, operation), _masked_rows(walked, index)
    return NonFinite("forward", place, operation, bad, low, high, rows)


def _given(walked: Walk, first: tuple[int, int] | None) -> tuple[int, int] | None:
    """The node that was given a non-finite target, and how much of it, if none went wrong before.

    Args:
        walked: The graph of the loss.
        first: The first node whose result is not finite, and how much of it.
    """
    if first and walked.names[first[0]] in DIFFERENCES and None in walked.inputs[first[0]]:
        return first
    for i, node in enumerate(walked.nodes[: first[0] + 1 if first else None]):
        target = saved(node, "target")
        if isinstance(target, Tensor) and target.grad_fn is None and (bad := _count(target)):
            return i, bad
    return None


def _masked_rows(walked: Walk, index: int) -> int:
    """Rows of a softmax's result that are NaN because a mask left none of their scores.

    A softmax keeps no scores: they were finite if the factors they are products of were small.
    """
    result = saved(walked.nodes[index], "result") if walked.names[index] in SOFTMAXES else None
    if not isinstance(result, Tensor) or not _is_masked(walked, index):
        return 0
    dim = signed(walked.nodes[index]._saved_dim)
    return int(result.detach().isnan().all(dim).sum())


def _is_masked(walked: Walk, index: int) -> bool:
    """Whether a mask, and nothing that may overflow, lies between a softmax and its scores."""
    masked, at = False, index
    for _ in range(MOST_BETWEEN):
        below = [i for i in walked.inputs[at] if i is not None]
        if len(below) != 1 or below[0] < 0:
            break
        at = below[0]
        name = walked.names[at]
        masked |= name in MASKS or (name in ADDING and None in walked.inputs[at])
        if name in PRODUCTS:
            break
    factors = [_largest(x) for _, x in saved_tensors(walked.nodes[at]) if x.is_floating_point()]
    small = all(factor < SMALL for factor in factors)
    return masked and small and (len(factors) > 1 or walked.names[at] not in PRODUCTS)


def _largest(tensor: Tensor) -> float:
    return float(tensor.detach().abs().max()) if tensor.numel() else 0.0


def _recomputed(name: str, node: Any) -> int:
    """Non-finite elements of the result of a function that keeps its finite inputs only."""
    if name not in RECOMPUTED:
        return 0
    given, other = saved(node, "self"), saved(node, "exponent" if name == "Pow" else "other")
    operands = [x.detach() if isinstance(x, Tensor) else x for x in (given, other)]
    if name == "Div" and given is None and isinstance(other, Tensor):
        return int(other.numel() - torch.count_nonzero(other))
    if not isinstance(given, Tensor) or _count(given):
        return 0
    if name not in ("Pow", "Div", "Mul"):
        return _count(RECOMPUTED[name](operands[0]))
    return 0 if other is None else _count(RECOMPUTED[name](*operands))


def _place(condensed: Condensed, index: int, operation: str) -> str:
    site = condensed.site_of_node.get(index)
    return condensed.graph.sites[site].name if site is not None else f":{operation}"


def _input_range(node: Any) -> tuple[float, float]:
    """Smallest and largest finite value of what the operation was given."""
    wanted = ("self", "mat1", "input", "other", "vec")
    given: Mapping[str, Tensor] = dict(saved_tensors(node))
    for name in wanted:
        tensor = given.get(name)
        if tensor is not None and tensor.is_floating_point() and tensor.numel():
            finite = tensor.detach()[torch.isfinite(tensor.detach())]
            if finite.numel():
                return float(finite.min()), float(finite.max())
    return float("nan"), float("nan")


def _leaf_order(walked: Walk) -> dict[int, int]:
    """When each leaf was last used in the forward pass."""
    return {
        -1 - i: position
        for position, inputs in enumerate(walked.inputs)
        for i in inputs
        if i is not None and i < 0
    }


def _count(tensor: Tensor) -> int:
    values = on_this_rank(tensor)
    if values is None or not values.is_floating_point():
        return 0
    return int(values.numel() - torch.isfinite(values).sum())
