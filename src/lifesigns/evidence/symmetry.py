"""Layers whose units are copies of one another, as no step can tell them apart."""

from __future__ import annotations

from collections.abc import Iterator

from lifesigns.evidence.sites import is_hidden
from lifesigns.records import WEIGHTED, Kind, ParameterReading, Site, Snapshot


def hidden_layers(snapshot: Snapshot) -> Iterator[Site]:
    """Sites with several units, a weight of their own, and another weighted site downstream."""
    graph = snapshot.graph
    for index in graph.of_kind(*WEIGHTED):
        site = graph.sites[index]
        several = site.kind is Kind.RECURRENT or max(site.fan_out, site.units) > 1
        if several and site.parameters and is_hidden(graph, index):
            yield site


def is_symmetric(site: Site, snapshot: Snapshot) -> bool:
    """Equal weights *and* equal gradients, so that a step cannot tell the units apart.

    A gradient of exactly 0 is equal as well: zero weights in all layers are the plainest case.
    It is no proof on its own where the layer is frozen or not reached.
    """
    weight = snapshot.parameter(site.parameters[0])
    if weight is None or not (weight.trainable and weight.reached):
        return False
    gates = _gates(site)
    units = weight.shape[int(is_by_columns(site, weight))] if weight.shape else 1
    different = (weight.distinct_weight_rows, weight.distinct_gradient_rows)
    return units > gates and all(1 <= rows <= gates for rows in different)


def is_by_columns(site: Site, weight: ParameterReading) -> bool:
    """Whether the units are columns of the weight, `x @ W`, as far as its shape tells.

    A layer of one unit, whose weight is such a factor in the graph of a derivative, is none.
    """
    return len(weight.shape) == 2 and 1 < weight.shape[0] != weight.shape[1] == site.fan_out


def _gates(site: Site) -> int:
    """Row blocks of a recurrent weight: one per gate, each with its own rows for one unit."""
    recurrent = site.kind is Kind.RECURRENT or "weight_ih" in site.parameters[0]
    return {"gru": 3, "rnn_tanh": 1, "rnn_relu": 1}.get(site.operation, 4) if recurrent else 1
