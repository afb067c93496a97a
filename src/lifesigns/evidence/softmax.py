"""How a softmax is used: doubled, between layers, over the samples."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lifesigns.evidence.output import direct_pairs, is_output, normalised_dim
from lifesigns.evidence.signal import PASSING
from lifesigns.records import WEIGHTED, Graph, Kind, Site, UnitSums


def doubled_softmaxes(graph: Graph) -> Iterator[tuple[Site, Site]]:
    """A softmax directly before another one over the same dimension, at the output.

    Taking the logarithm in between is correct, and a second log-softmax changes nothing.
    """
    return (
        (first, second)
        for first, second in direct_pairs(graph)
        if first.operation == "softmax"
        and second.kind is Kind.SOFTMAX
        and _over_the_same(first, second)
        and is_output(graph, graph.find(second.name))
    )


def _over_the_same(first: Site, second: Site) -> bool:
    """Whether both normalise the classes, also where a transpose in between moved them.

    Views are not on the graph: moved classes are known by their number, if no other dimension has
    it.
    """
    if sorted(first.shape) == sorted(second.shape) and first.shape != second.shape:
        lengths = [site.shape[normalised_dim(site)] for site in (first, second)]
        return lengths[0] == lengths[1] and first.shape.count(lengths[0]) == 1
    return _from_the_end(first) == _from_the_end(second)


def _from_the_end(site: Site) -> int:
    """The normalised dimension, told apart from the end: a batch of networks adds one in front."""
    return normalised_dim(site) - max(len(site.shape), 1)


def feeds_weights(graph: Graph, index: int) -> bool:
    """Whether layers with weights of their own read it, and nothing else does.

    In attention and in a mixture of experts it is multiplied with values that also depend on the
    input: there it chooses, and hides nothing.
    """
    readers = list(_readers(graph, index))
    return bool(readers) and all(
        site.kind in WEIGHTED and site.parameters and len(graph.predecessors(i)) == 1
        for i, site in readers
    )


def _readers(graph: Graph, index: int) -> Iterator[tuple[int, Site]]:
    for after in graph.successors(index):
        site = graph.sites[after]
        between = site.kind in PASSING | {Kind.NORM, Kind.ACTIVATION}
        if between and len(graph.predecessors(after)) == 1:
            yield from _readers(graph, after)
        else:
            yield after, site


def is_over_batch(site: Site) -> bool:
    """Over the samples of a [samples, units] value; a square one compares samples (contrast)."""
    known = len(site.shape) == 2 and "dim" in site.details
    return known and normalised_dim(site) == 0 and 1 < site.shape[0] != site.shape[1]


def products(graph: Graph, index: int) -> set[int]:
    """Where its shares are multiplied with something else that the network computes: it chooses.

    What is made of the same scores, such as their logarithms in an entropy, is nothing else.
    """
    own = set(graph.predecessors(index)) | graph.behind([index]) | {index}
    own |= {
        j for i in graph.predecessors(index) for j in graph.successors(i) if _is_of(graph, j, i)
    }
    return {i for i in _multiplied(graph, index) if not set(graph.predecessors(i)) <= own}


def weighs_data(graph: Graph, index: int) -> bool:
    """Whether layers read it that are given more, or less, than its own shares: data times them.

    Data are no site, and what multiplies by them is not on the graph.
    """
    site = graph.sites[index]
    own = {site.units, math.prod(site.shape[1:])}
    readers = [reader for _, reader in _readers(graph, index)]
    return feeds_weights(graph, index) and all(
        r.fan_in > 0 and r.fan_in not in own for r in readers
    )


def _is_of(graph: Graph, index: int, score: int) -> bool:
    """Whether a site normalises scores: as another softmax, or by the logarithm of their sum."""
    site = graph.sites[index]
    normalises = site.kind is Kind.SOFTMAX or site.operation == "logsumexp"
    return normalises and graph.predecessors(index) == (score,)


def _multiplied(graph: Graph, index: int) -> Iterator[int]:
    for after in graph.successors(index):
        site = graph.sites[after]
        if len(graph.predecessors(after)) > 1:
            if site.kind in (Kind.ATTENTION, Kind.OTHER) and site.operation in ("matmul", "mul"):
                yield after
        elif site.kind in _PICKING and not site.parameters:
            yield from _multiplied(graph, after)


_PICKING = PASSING | {Kind.ACTIVATION, Kind.EMBEDDING, Kind.OTHER}
"""Kinds by which the largest shares are picked, or dropped, or made to add up to 1 again."""


def is_the_only_way(graph: Graph, index: int, end: int) -> bool:
    """Whether nothing of the input gets to a site but through the values that a softmax weighs.

    Args:
        graph: Of one step.
        index: The softmax.
        end: The site, such as that of the loss; -1 for all that nothing else reads.
    """
    closed = products(graph, index) | {index}
    ends = [end] if end >= 0 else [i for i in range(len(graph.sites)) if not graph.successors(i)]
    queue, seen = [i for i in ends if i not in closed], set(closed)
    while queue:
        before = graph.predecessors(queue.pop())
        if not before:
            return False
        queue.extend(i for i in before if i not in seen)
        seen.update(before)
    return True


def concentration(site: Site, value: UnitSums) -> float:
    """Mean of Σp² over the places that share a sum of 1: 1 where one has all, 1/n where all alike.

    Args:
        site: A softmax.
        value: Its sums.
    """
    return float(value.total_squared.sum() / max(_shared_sums(site, value), 1))


def concentration_of_mask(site: Site, value: UnitSums) -> float:
    """What it would be if all that is not exactly 0 were alike.

    Masks and padding leave the first places open most often: so many rows have just one, two, three
    of them as there are more with the one place than with the next.
    """
    rows = max(_shared_sums(site, value), 1)
    if normalised_dim(site) != site.unit_dim % len(site.shape):
        return float(rows / max(value.active.sum(), 1))
    active = np.sort(value.active)[::-1]
    ending = active - np.append(active[1:], 0)
    return float((ending / np.arange(1, len(active) + 1)).sum() / rows)


def _shared_sums(site: Site, value: UnitSums) -> float:
    return float(value.count.sum()) / site.shape[normalised_dim(site)]
