"""Recurrences through which no gradient goes back: each call's state is cut off its history.

A linear map that is called again and again with the same weight reads a value without a graph. If
that value lies in the memory of one that the call before made with a graph, it was detached.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

from lifesigns.record.graph.walk import Walk, kept_tensors, saved
from lifesigns.record.readable import is_readable
from lifesigns.records import Kind, Site

FEWEST_CALLS = 3
_DATA = {"Addmm": "mat1", "Mm": "self"}
"""Where each linear map keeps what it reads."""


def cut_states(walked: Walk, sites: Sequence[Site], nodes: Sequence[int]) -> frozenset[int] | None:
    """Sites that read what the same weight made in the call before, without its graph.

    The memory of values decides that: of an equal graph it is to be asked again.

    Args:
        walked: The graph.
        sites: Its sites.
        nodes: Index of the node of each site.

    Returns:
        None where there is nothing to decide: no such graph has any.
    """
    suspects = [group for group in _repeated(sites) if _reads_data(walked, nodes, group)]
    if not suspects:
        return None
    makers = _makers(walked)
    return frozenset(
        number
        for group in suspects
        for number in group
        if _is_cut(walked, nodes[number], makers, {nodes[other] for other in group})
    )


def _repeated(sites: Sequence[Site]) -> Iterator[list[int]]:
    """Linear maps of the same weight, where there are several."""
    groups: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, site in enumerate(sites):
        if site.kind is Kind.LINEAR and site.parameters:
            groups[site.parameters].append(number)
    return (group for group in groups.values() if len(group) >= FEWEST_CALLS)


def _reads_data(walked: Walk, nodes: Sequence[int], group: Sequence[int]) -> bool:
    return all(given_without_graph(walked, nodes[number]) is not None for number in group)


def given_without_graph(walked: Walk, index: int) -> Tensor | None:
    """What a linear map reads, if that has no graph.

    Args:
        walked: The graph.
        index: Index of the node.
    """
    word = _DATA.get(walked.names[index])
    if word is None or walked.inputs[index][-2] is not None:
        return None
    value: Tensor | None = saved(walked.nodes[index], word)
    return value


def _makers(walked: Walk) -> dict[tuple[Any, ...], int]:
    """The node that made each value that is kept with its graph, by the value's memory."""
    position = {node: i for i, node in enumerate(walked.nodes)}
    found = {}
    for node in walked.nodes:
        for _, tensor in kept_tensors(node):
            maker = position.get(tensor.grad_fn)
            if maker is not None and is_readable(tensor):
                found[_memory(tensor)] = maker
    return found


def _memory(tensor: Tensor) -> tuple[Any, ...]:
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride()


def _is_cut(walked: Walk, index: int, makers: dict[tuple[Any, ...], int], calls: set[int]) -> bool:
    """Whether it reads what one other call made, and nothing that goes back further."""
    given = given_without_graph(walked, index)
    maker = None if given is None else makers.get(_memory(given))
    if maker is None:
        return False
    waiting, seen = [maker], {maker}
    while waiting:
        below = {i for i in walked.inputs[waiting.pop()] if i is not None and i >= 0}
        waiting += below - seen
        seen |= below
    return len(seen & calls) == 1 and index not in seen
