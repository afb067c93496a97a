"""What is to be read of each site, as far as its graph tells: the same whenever it comes again."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from lifesigns.functions.activations import ACTIVATIONS
from lifesigns.record.graph.operations import GATES
from lifesigns.records import Kind, Site

HOOKED_KINDS = frozenset({Kind.ACTIVATION, Kind.SOFTMAX, Kind.OTHER})
READ_KINDS = HOOKED_KINDS | {Kind.LOSS}
GROUPING = frozenset({"Max", "Amax", "Glu"})
"""Operations that make one value of a group of them."""
MOST_CALLS = 16
"""Calls of one operation in one module that are read; a loop may make thousands."""


@dataclass(frozen=True, slots=True)
class SitePlan:
    """What is to be read of a site."""

    number: int
    """Of the site in its graph."""
    site: Site
    index: int
    """Of its node in the walk."""
    is_hooked: bool
    """Whether its gradients are read."""
    is_one_of_many: bool
    """Whether it is left out, for there were so many calls of it."""
    source: int
    """Which input of the node carries the data."""
    is_group: bool
    is_gate: bool
    """Whether it passes a gradient on as it is, or not at all."""
    flat_slope: float
    """The share of a gradient below which it counts as stopped; 0 where none does."""


def site_plans(
    sites: Sequence[Site],
    nodes: Sequence[int],
    names: Sequence[str],
    inputs: Sequence[tuple[int | None, ...]],
    weight_like: Set[int],
) -> Iterator[SitePlan]:
    """The plans of the sites that are read.

    Args:
        sites: In forward order.
        nodes: Of each site: index of its node.
        names: Of each node: its name.
        inputs: Of each node: indices of the nodes, or leaves, that it reads.
        weight_like: Nodes computed from parameters alone.
    """
    calls: Counter[tuple[str, str]] = Counter()
    for number, (site, index) in enumerate(zip(sites, nodes, strict=True)):
        calls[site.module, site.operation] += 1
        if site.kind not in READ_KINDS:
            continue
        elementwise = site.kind is not Kind.SOFTMAX and site.operation in ACTIVATIONS
        slope = ACTIVATIONS[site.operation].flat_slope if elementwise else 0.0
        slope = slope if 0 < slope < math.inf else 0.0
        yield SitePlan(
            number,
            site,
            index,
            is_hooked=site.kind in HOOKED_KINDS,
            is_one_of_many=calls[site.module, site.operation] > MOST_CALLS,
            source=_data_input(inputs[index], weight_like),
            is_group=names[index] in GROUPING,
            is_gate=names[index] in GATES and slope > 0,
            flat_slope=slope,
        )


def _data_input(inputs: tuple[int | None, ...], weight_like: Set[int]) -> int:
    """Which input of a node carries the data: `torch.where(x < 0, 0, x)` has it second."""
    given = [k for k, i in enumerate(inputs) if i is not None and i not in weight_like]
    return next((k for k in given if (inputs[k] or 0) >= 0), given[0] if given else 0)
