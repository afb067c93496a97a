"""Which sites of a run are hidden activations."""

from __future__ import annotations

from lifesigns.records import WEIGHTED, Kind, Site, Trace


def hidden(trace: Trace) -> list[Site]:
    """The activations before another layer with weights, in forward order."""
    if not trace.snapshots:
        return []
    graph = trace.snapshots[0].graph
    found = graph.of_kind(Kind.ACTIVATION, Kind.SOFTMAX, Kind.OTHER)
    return [graph.sites[i] for i in found if graph.leads_to(i, WEIGHTED)]
