"""Structures seen before: a graph like one that was armed keeps the sites and names it had."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lifesigns.record.graph.module_calls import Forward
from lifesigns.record.graph.sites import Condensed, condense
from lifesigns.record.graph.walk import Walk
from lifesigns.records import Graph

MOST = 64
"""Structures that are remembered; a network with data-dependent control flow makes many."""


class Structures:
    """Condenses walks, each structure once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Condensed] = {}

    def condense(self, walked: Walk, forward: Forward, names: list[str]) -> Condensed:
        """The sites of a graph; without forward calls, under the names it had when armed.

        Args:
            walked: The graph.
            forward: The module calls of the step; empty if it was not armed.
            names: Names of the leaves.
        """
        key = (walked.signature, tuple(names))
        known = self._known.get(key)
        if known is not None:
            return _reshaped(known, walked)
        by_id = {id(leaf): name for leaf, name in zip(walked.leaves, names, strict=True)}
        condensed = condense(walked, forward, lambda leaf: by_id[id(leaf)])
        if forward.calls and len(self._known) < MOST:
            self._known[key] = condensed
        return condensed


def _reshaped(known: Condensed, walked: Walk) -> Condensed:
    """The same sites with this step's shapes: the last batch is often smaller."""
    shapes = [walked.shape(index) for index in known.nodes]
    if all(s.shape == shape for s, shape in zip(known.graph.sites, shapes, strict=True)):
        return known
    sites = tuple(
        replace(site, shape=shape) for site, shape in zip(known.graph.sites, shapes, strict=True)
    )
    return replace(known, graph=Graph(sites, known.graph.edges))
