"""The nearest site at a node of a walk, or before it."""

from __future__ import annotations

from collections import deque

from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk


def site_below(walked: Walk, condensed: Condensed, index: int) -> int | None:
    """The number of the nearest site; None where a value comes from none.

    Args:
        walked: The graph.
        condensed: Its sites.
        index: Index of the node that made the value.
    """
    waiting, seen = deque([index]), {index}
    while waiting:
        at = waiting.popleft()
        if at in condensed.site_of_node:
            return condensed.site_of_node[at]
        for i in walked.inputs[at]:
            if i is not None and i >= 0 and i not in seen:
                seen.add(i)
                waiting.append(i)
    return None
