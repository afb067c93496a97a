"""Structures seen before: a graph like an earlier one keeps the sites and names it had."""

from __future__ import annotations

from dataclasses import replace
from itertools import repeat
from typing import Any

from torch import nn

from lifesigns.record.graph.cut_state import cut_states
from lifesigns.record.graph.masks import told_by
from lifesigns.record.graph.module_calls import Forward
from lifesigns.record.graph.momenta import momenta
from lifesigns.record.graph.sites import Condensed, condense, fans
from lifesigns.record.graph.unreached_calls import unreached_calls
from lifesigns.record.graph.walk import Walk
from lifesigns.records import WEIGHTED, Graph, Shape, Site

MOST = 64
"""Structures that are remembered; a network with data-dependent control flow makes many."""

Key = tuple[Any, ...]


class Structures:
    """Condenses walks, each structure once.

    Args:
        keeps: Whether what was seen before is used again.
    """

    def __init__(self, *, keeps: bool = True) -> None:
        self._keeps = keeps
        self._latest: dict[Key, Condensed] = {}
        self._known: dict[Key, dict[Key, Condensed]] = {}
        self._of_other_sizes: dict[Key, Condensed] = {}

    def condense(self, walked: Walk, forward: Forward, names: list[str]) -> Condensed:
        """The sites of a graph; without forward calls, under the names it had when last armed.

        Args:
            walked: The graph.
            forward: The module calls of the step; empty if it was not armed.
            names: Names of the leaves.
        """
        key = (*walked.signature, *names)
        if not forward.calls and (latest := self._latest.get(key)) is not None:
            return _reshaped(latest, walked)
        condensed = self._found(walked, forward, key, names)
        if forward.calls:
            _keep(self._latest, key, condensed)
        return condensed

    def _found(self, walked: Walk, forward: Forward, key: Key, names: list[str]) -> Condensed:
        """What was kept of an equal graph; it is made, and kept, if there is none."""
        whole = (key, _circumstances(walked, forward))
        alike = self._known.get(whole, {})
        for one in alike.values():  # all have their sites at the same nodes
            known = alike.get(_shapes(one, walked))
            if known is not None and _tells_the_same(walked, known, forward):
                return known
            break
        condensed = self._in_other_sizes(walked, forward, whole, names)
        if self._keeps:
            if any(one.nodes != condensed.nodes for one in alike.values()):
                alike = {}
            _keep(self._known, whole, alike)
            _keep(alike, _shapes(condensed, walked), condensed)
        return condensed

    def _in_other_sizes(
        self, walked: Walk, forward: Forward, whole: Key, names: list[str]
    ) -> Condensed:
        """What was kept of a graph that differs in sizes alone; it is made if there is none."""
        key = (whole, _form(walked))
        known = self._of_other_sizes.get(key)
        if known is not None and _tells_the_same(walked, known, forward):
            return _reshaped(known, walked)
        by_id = {id(leaf): name for leaf, name in zip(walked.leaves, names, strict=True)}
        condensed = condense(walked, forward, lambda leaf: by_id[id(leaf)])
        if self._keeps:
            _keep(self._of_other_sizes, key, condensed)
        return condensed


def _keep(kept: dict[Key, Any], key: Key, value: Any) -> None:
    """Keeps what is newest; of too many the oldest is dropped."""
    if key not in kept and len(kept) >= MOST:
        del kept[next(iter(kept))]
    kept[key] = value


def _tells_the_same(walked: Walk, known: Condensed, forward: Forward) -> bool:
    """Whether the values that a graph saved tell of its sites what they told before."""
    if any(told_by(walked, index) != told for index, told in known.told):
        return False
    sites, nodes = known.graph.sites, known.nodes
    if known.cut is not None and known.cut != cut_states(walked, sites, nodes):
        return False
    return known.unreached == unreached_calls(walked, sites, nodes, forward)


def _shapes(condensed: Condensed, walked: Walk) -> Key:
    return tuple([walked.shape(index) for index in condensed.nodes])


def _form(walked: Walk) -> Key:
    """The shapes of all nodes, but which of their sizes are the same stands for sizes of the data.

    Those are what no parameter has; 0 and 1 are themselves, for a dimension of them is another.
    """
    known = {0, 1}.union(*[walked.leaf_shape(k) for k in range(len(walked.leaves))])
    stands_for: dict[int, int] = {}
    return tuple(
        [
            tuple([s if s in known else ~stands_for.setdefault(s, len(stands_for)) for s in shape])
            for shape in map(walked.shape, range(len(walked)))
        ]
    )


def _circumstances(walked: Walk, forward: Forward) -> Key:
    """All that sites depend on beside operations, names and saved values: calls and leaves."""
    first, last = (walked.numbers[0], walked.numbers[-1]) if walked.numbers else (0, 0)
    calls = [
        (forward.path(c), c.start - first, c.end - first, c.depth, c.recurrent, c.is_compiled)
        for c in forward.calls
        if c.start <= last and c.end > first
    ]
    leaves = [
        (walked.leaf_shape(k), isinstance(leaf, nn.Parameter))
        for k, leaf in enumerate(walked.leaves)
    ]
    numbers = [number - first for number in walked.numbers]
    modules = tuple(walked.modules.items()), tuple(momenta(forward).items())
    return tuple(numbers), tuple(calls), tuple(leaves), modules, bool(forward.names)


def _reshaped(known: Condensed, walked: Walk) -> Condensed:
    """The same sites with this step's shapes: the last batch is often smaller."""
    shapes = _shapes(known, walked)
    if all(s.shape == shape for s, shape in zip(known.graph.sites, shapes, strict=True)):
        return known
    sites = tuple(map(_of_shape, known.graph.sites, shapes, known.nodes, repeat(walked)))
    plans = tuple(replace(plan, site=sites[plan.number]) for plan in known.plans)
    return replace(known, graph=Graph(sites, known.graph.edges), plans=plans, kept={})


def _of_shape(site: Site, shape: Shape, node: int, walked: Walk) -> Site:
    if site.kind not in WEIGHTED:
        return replace(site, shape=shape)
    fan_in, fan_out = fans(walked, node)
    return replace(site, shape=shape, fan_in=fan_in, fan_out=fan_out)
