"""Whether a view inside the network exchanges the sizes of axes, and not the axes.

`scores.reshape(t, b, c)` of (b, t, c) has the sizes of `scores.transpose(0, 1)`, and its rows hold
other samples. What a view joins or splits keeps the order of the sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, pairwise
from operator import mul
from typing import NamedTuple

from lifesigns.record.graph.operations import VIEWS
from lifesigns.record.graph.site_below import site_below
from lifesigns.record.graph.sites import Condensed, first_kept
from lifesigns.record.graph.walk import Walk
from lifesigns.records import Shape


class TornValue(NamedTuple):
    """A view, or several one behind the other."""

    site: int
    """Number of the site that gives the values."""
    before: Shape
    after: Shape

    def details(self) -> dict[str, float]:
        """Details of a loss."""
        sizes = {"before": self.before, "after": self.after}
        return {"torn_values_at": float(self.site)} | {
            f"torn_{when}_{axis}": float(size)
            for when, shape in sizes.items()
            for axis, size in enumerate(shape)
        }


def has_views(walked: Walk) -> bool:
    """Whether a graph views anything.

    Args:
        walked: The graph of a loss.
    """
    return not VIEWS.isdisjoint(walked.names)


def torn_values(walked: Walk, condensed: Condensed) -> dict[str, float]:
    """The first such view, as a mark of the loss; empty where there is none.

    Args:
        walked: The graph of a loss.
        condensed: Its sites, which keep the answer for graphs that are alike.
    """
    found = first_kept(condensed.kept, TornValue, _torn(walked, condensed))
    return {} if found is None else found.details()


def _torn(walked: Walk, condensed: Condensed) -> Iterator[TornValue]:
    for index, name in enumerate(walked.names):
        viewed_on = any(walked.names[i] in VIEWS for i in walked.readers.get(index, ()))
        if name not in VIEWS or viewed_on or index in condensed.weight_like:
            continue
        start, number = _start(walked, index)
        if start is None:
            continue
        before, after = walked.shape(start, number), walked.shape(index)
        site = site_below(walked, condensed, start) if are_exchanged(before, after) else None
        if site is not None:
            yield TornValue(site, before, after)


def _start(walked: Walk, index: int) -> tuple[int | None, int]:
    """The node whose value is viewed, perhaps several times over, and the number of its output."""
    number = 0
    while walked.names[index] in VIEWS:
        below = walked.inputs[index][0]
        if below is None or below < 0:
            return None, 0
        number = walked.nodes[index].next_functions[0][1]
        index = below
    return index, number


def are_exchanged(before: Shape, after: Shape) -> bool:
    """Whether the sizes are the same in another order, and no axis was split or joined instead.

    (32, 64) as (64, 32) may be rows of which each was cut into two of 32: that is not told.

    Args:
        before: Shape of a value.
        after: Shape of a view of it.
    """
    if before == after or sorted(before) != sorted(after) or 0 in before:
        return False
    borders = sorted({*accumulate(before, mul), *accumulate(after, mul)})
    return any(outer % inner for inner, outer in pairwise(borders))
