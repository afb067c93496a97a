"""A gradient sent back through a graph by hand, node by node, before the run's own backward pass.

The engine of autograd would run the hooks of the user, of DDP and of `retain_grad`, and ask anomaly
mode; it is not used. Each node is called by itself: it computes from what it saved and keeps it.
Leaves are never called, so no parameter's `.grad` changes; nothing here draws a random number.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from lifesigns.record.graph.operations import NAMED
from lifesigns.record.graph.walk import Walk, goes_through_hooks
from lifesigns.record.readable import obstacle
from lifesigns.records import Kind

MOST_NODES = 10_000
MOST_ELEMENTS = 1 << 26
"""Of all values of the graph together: above it the gradients might not fit beside the run."""

_SPARSE = ("sparse_coo", "sparse_csr", "sparse_csc")
"""Layouts that torch's products compute with, and only read: matrices of a graph, as a rule."""

Visitor = Callable[[int, Tensor], None]


def hindrance(walked: Walk) -> str:
    """Why no gradient can be sent back without the run noticing; empty if one can.

    Args:
        walked: The graph.
    """
    if len(walked) > MOST_NODES:
        return f"more than {MOST_NODES:,} operations"
    elements = 0
    for index, node in enumerate(walked.nodes):
        if hasattr(type(node), "_forward_cls"):
            return f"{walked.names[index]} is no operation of torch"
        if walked.names[index] == "CopySlices":
            return "what is written into a view may be no operation of torch"
        if why := _unusable(node):
            return f"{walked.names[index]}: {why}"
        elements += torch.Size(walked.shape(index)).numel()
    return f"more than {MOST_ELEMENTS:,} values" if elements > MOST_ELEMENTS else ""


def gradient_at(walked: Walk, start: int, at: dict[int, int]) -> Tensor:
    """A gradient at one place of each given dimension, which no symmetry cancels; 0 elsewhere.

    Args:
        walked: The graph.
        start: Index of the node whose output the gradient is of.
        at: The place in each dimension that is not sent back whole.
    """
    metadata: Any = walked.nodes[start]._input_metadata[0]
    gradient = torch.zeros(
        tuple(metadata.shape), dtype=metadata.dtype, device=torch.device(metadata.device)
    )
    chosen = gradient
    for dim in sorted(at, reverse=True):
        chosen = chosen.select(dim, at[dim])
    numbers = torch.arange(chosen.numel(), device=gradient.device).reshape(chosen.shape)
    chosen.copy_(1 + (numbers * 7 % 11) / 11)  # a sum over units, or a mean, would cancel ones
    return gradient


def all_finite(gradient: Tensor) -> Tensor:
    """1 if every element is finite, else 0: a scalar on the device.

    Args:
        gradient: Of any shape.
    """
    return gradient.isfinite().all().long()


def send_back(walked: Walk, start: int, gradient: Tensor, visit: Visitor) -> None:
    """Sends a gradient back from one node to all that it was computed from.

    Statistics of a batch normalisation count as constants, so that samples which meet only there
    stay apart.

    Args:
        walked: A graph without a `hindrance`.
        start: Index of the node whose output the gradient is of.
        gradient: In the shape of that output.
        visit: Called with the index of each node and the gradient of its (first) output, from the
            last to the first.

    Cost: about one backward pass, on the device; gradients are dropped as soon as they were used.
    """
    position = {node: index for index, node in enumerate(walked.nodes)}
    waiting: dict[int, dict[int, Tensor]] = {start: {0: gradient}}
    for index in range(start, -1, -1):
        arrived = waiting.pop(index, None)
        if arrived is None:
            continue
        if 0 in arrived:
            visit(index, arrived[0])
        edges = [(position.get(below), below, k) for below, k in walked.nodes[index].next_functions]
        if all(at is None for at, _, _ in edges):
            continue  # only leaves: a gradient of weights, often the dearest, would be thrown away
        handed = _passed(walked, index, arrived)
        for (at, below, output), passed in zip(edges, handed, strict=False):
            if passed is None or at is None:
                continue
            slots = waiting.setdefault(at, {})
            passed = _fitted(passed, below._input_metadata[output])
            slots[output] = slots[output] + passed if output in slots else passed


def _passed(walked: Walk, index: int, arrived: dict[int, Tensor]) -> tuple[Tensor | None, ...]:
    """What a node hands to each of its inputs."""
    kind, word = NAMED.get(walked.names[index], (None, ""))
    if kind is Kind.NORM and word == "batch_norm":
        return (arrived.get(0),)
    node = walked.nodes[index]
    passed: Any = node(*(arrived.get(k) for k in range(len(node._input_metadata))))
    return passed if isinstance(passed, tuple) else (passed,)


def _fitted(gradient: Tensor, metadata: Any) -> Tensor:
    """A gradient in the form of the value it belongs to: the engine undoes broadcasting, too."""
    shape = tuple(metadata.shape)
    if tuple(gradient.shape) != shape:
        gradient = gradient.sum_to_size(shape)
    return gradient.to(metadata.dtype)


def _unusable(node: Any) -> str:
    """Why a node cannot be called: what it saved is packed away, or has no values now."""
    for attribute, raw in _saved_by(node.__class__):
        if raw and goes_through_hooks(getattr(node, raw, None)):
            return "its saved values are packed away"
        try:
            value = getattr(node, attribute)
        except RuntimeError:
            return "its saved values were freed or changed"
        for tensor in value if isinstance(value, tuple) else (value,):
            if isinstance(tensor, Tensor) and (why := obstacle(tensor)) not in ("", *_SPARSE):
                return f"a saved value is {why}"
    return ""


@cache
def _saved_by(kind: type) -> tuple[tuple[str, str], ...]:
    """The attributes of what nodes of this class save, and those of tensors as they were saved."""
    found = [name for name in dir(kind) if name.startswith("_saved_")]
    return tuple((name, f"_raw{name}" if hasattr(kind, f"_raw{name}") else "") for name in found)
