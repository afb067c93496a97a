"""How a softmax is used: doubled, between layers, over the samples."""

from __future__ import annotations

from collections.abc import Iterator

from lifesigns.evidence.output import direct_pairs, is_output, normalised_dim
from lifesigns.evidence.signal import PASSING
from lifesigns.records import WEIGHTED, Graph, Kind, Site


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
