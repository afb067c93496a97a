"""Which sites of a run are hidden activations."""

from __future__ import annotations

from lifesigns.evidence.softmax import feeds_weights
from lifesigns.records import WEIGHTED, Kind, Site, Trace


def hidden(trace: Trace) -> list[Site]:
    """The activations before another layer with weights, in forward order.

    A softmax that weighs values, as attention does, is none.
    """
    if not trace.snapshots:
        return []
    graph = trace.snapshots[0].graph
    found = graph.of_kind(Kind.ACTIVATION, Kind.OTHER)
    found += [i for i in graph.of_kind(Kind.SOFTMAX) if feeds_weights(graph, i)]
    return [graph.sites[i] for i in sorted(found) if graph.leads_to(i, WEIGHTED)]
