"""Which sites of a graph are a layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lifesigns.evidence.sites import is_rectifier
from lifesigns.records import WEIGHTED, Graph, Kind, Site

ROOTS = WEIGHTED | {Kind.EMBEDDING}
"""Kinds that begin a layer."""
ENDS = frozenset({Kind.ACTIVATION, Kind.SOFTMAX})
"""Kinds that end one."""
PASSING = frozenset({Kind.NORM, Kind.DROPOUT, Kind.POOLING})
"""Kinds that may lie between."""


@dataclass(frozen=True)
class Layer:
    """A weighted site with the activation that reads it, or an activation of its own."""

    root: int
    """Position of its first site in the graph."""
    end: int
    """Position of its activation or softmax; -1 if it has none."""
    name: str
    activation: str
    operation: str
    kind: str
    weight: str
    units: int
    rectifies: bool
    """Whether 0 is how its activation works: it can die, and does not saturate."""
    is_last: bool = False
    """Whether the prediction is its value."""

    @property
    def key(self) -> str:
        """The same for all calls of one layer: an unrolled recurrence uses its weight often."""
        return (
            f"{self.weight} {self.name.split(':')[-1].split('#')[0]}" if self.weight else self.name
        )


def layers(graph: Graph, loss: int = -1) -> list[Layer]:
    """The layers of a graph in forward order.

    Args:
        graph: Of one step.
        loss: Position of the loss's site; -1 where it has none.

    Example:
        >>> from lifesigns.rules.testing import chain
        >>> [one.name for one in layers(chain("linear", "batch_norm", "relu", "linear", "tanh"))]
        ['0:linear#0', '3:linear#0']
    """
    ends = {root: _end(graph, root) for root in graph.of_kind(*ROOTS)}
    taken = set(ends.values())
    alone = {end: end for end in graph.of_kind(*ENDS) if end not in taken}
    last = _last(graph, loss)
    found = sorted((ends | alone).items())
    return [_layer(graph, root, end, is_last=root == last) for root, end in found]


def members(graph: Graph, layer: Layer) -> Iterator[int]:
    """The sites of a layer: its root, its activation and what lies between.

    Args:
        graph: The one the layer is of.
        layer: Of `layers`.
    """
    index = layer.root
    yield index
    while layer.end >= 0 and index != layer.end:
        index = _next(graph, index)
        yield index


def _layer(graph: Graph, root: int, end: int, *, is_last: bool) -> Layer:
    first, last = graph.sites[root], graph.sites[end if end >= 0 else root]
    return Layer(
        root=root,
        end=end,
        name=first.name,
        activation=last.name if end >= 0 else "",
        operation=last.operation,
        kind=first.kind.value,
        weight=_weight(first),
        units=last.units if last.shape else 0,
        rectifies=end >= 0 and is_rectifier(last),
        is_last=is_last,
    )


def _weight(site: Site) -> str:
    return site.parameters[0] if site.kind in ROOTS and site.parameters else ""


def _end(graph: Graph, root: int) -> int:
    """The activation that reads the site's value and nothing else; -1 if there is none."""
    index = root
    while index >= 0:
        index = _next(graph, index)
        if index >= 0 and graph.sites[index].kind in ENDS:
            return index
    return -1


def _next(graph: Graph, index: int) -> int:
    """The first site to read this value alone that hands it on or ends the layer."""
    for after in sorted(graph.successors(index)):
        kind = graph.sites[after].kind
        if kind in PASSING | ENDS and graph.predecessors(after) == (index,):
            return after
    return -1


def _last(graph: Graph, loss: int) -> int:
    """The last weighted site that flows into the loss; -1 where it is not known."""
    before = graph.before([loss]) if loss >= 0 else set()
    return max((i for i in graph.of_kind(*ROOTS) if i in before), default=-1)
