"""Values of several layers that are added up, one behind the other: the path around the blocks."""

from __future__ import annotations

from itertools import pairwise

from lifesigns.records import WEIGHTED, Graph


def branches(graph: Graph) -> int:
    """How many layers' values are added up, each of them made of the sum of those before.

    Values that stand side by side, as in a dense block, are counted as well: edges lead through
    additions and concatenations alike.

    Args:
        graph: Of one step.

    Example:
        >>> from lifesigns.records import Kind, Site
        >>> sites = tuple(Site("", "linear", k, Kind.LINEAR, (8, 4)) for k in range(4))
        >>> branches(Graph(sites, ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))))
        2
    """
    weighted = set(graph.of_kind(*WEIGHTED))
    added = [sorted(weighted.intersection(graph.predecessors(i))) for i in weighted]
    most: list[int] = max(added, key=len, default=[])
    return sum(one in graph.before([other]) for one, other in pairwise(most))
