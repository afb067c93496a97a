"""The network as sites and edges, with the layer and the findings of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lifesigns.records import Finding, Graph

MOST_SITES = 1000
"""A graph of more is not drawn; its layers and its findings are listed all the same."""


def drawing(
    graphs: Iterable[Graph], layer_of: Mapping[str, int], findings: Sequence[Finding]
) -> dict[str, Any]:
    """The sites of all graphs by name, each once, with the edges between them.

    Args:
        graphs: One of each stream.
        layer_of: Position of the layer that a site belongs to.
        findings: In the order of the report.
    """
    sites = {site.name: site for graph in graphs for site in graph.sites}
    if len(sites) > MOST_SITES:
        return {"sites": [], "edges": []}
    number = {name: index for index, name in enumerate(sites)}
    edges = {
        (number[graph.sites[a].name], number[graph.sites[b].name])
        for graph in graphs
        for a, b in graph.edges
    }
    drawn = [
        {
            "name": name,
            "operation": site.operation,
            "kind": site.kind.value,
            "layer": layer_of.get(name),
            "findings": found_at((name, *site.parameters), findings),
        }
        for name, site in sites.items()
    ]
    return {"sites": drawn, "edges": sorted(map(list, edges))}


def found_at(names: Iterable[str], findings: Sequence[Finding]) -> list[int]:
    """Positions of the findings that name one of these places.

    Args:
        names: Of sites and parameters.
        findings: In the order of the report.
    """
    places = set(names)
    return [i for i, finding in enumerate(findings) if finding.site and finding.site in places]
