"""Which sites' values reach each node of a walk through nothing but transparent operations.

A residual stream or a dense block adds each layer's value to those of all layers before it, and
each layer reads the sum: written out, that is an edge for every pair of layers. So a node that
several others read hands on no more than `MOST` values that have been read before: the oldest, and
the latest. What is left out flows on all the same, through the sites that have read it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

MOST = 64
"""Values of a sum that are told apart although they have been read before."""

Sites = dict[int, None]
"""Numbers of sites, each once, in the order of the inputs."""


class Flow:
    """Notes node by node, in forward order, which sites' values it makes its own from.

    Args:
        inputs: Of each node: the indices of what it reads; leaves are negative, None is data.
    """

    def __init__(self, inputs: Sequence[Sequence[int | None]]) -> None:
        self._readers = Counter(i for given in inputs for i in given if i is not None)
        self._values: list[Sites] = []
        self._read: set[int] = set()

    def into(self, data: Sequence[int]) -> Sites:
        """The sites whose values reach a node that reads the nodes `data`.

        A value that nobody else reads is added to rather than copied: a running sum of a thousand
        losses would be copied a thousand times.

        Args:
            data: Indices of nodes that were noted before.
        """
        if not data:
            return {}
        first, *others = data
        if self._readers[first] == 1:
            reaching = self._values[first]
        else:
            reaching = self._shortened(self._values[first])
        for i in others:
            reaching.update(self._shortened(self._values[i]))
        return reaching

    def note(self, made_from: Sites) -> None:
        """Notes the next node.

        Args:
            made_from: Its own site, or what reaches it if it is none.
        """
        self._values.append(made_from)

    def read(self, reaching: Sites) -> tuple[int, ...]:
        """The values that a site reads, of those that reach it.

        Args:
            reaching: What `into` said.
        """
        sites = tuple(self._shortened(reaching))
        self._read.update(sites)
        return sites

    def _shortened(self, reaching: Sites) -> Sites:
        """A copy without those between the first and the latest that have been read before."""
        if len(reaching) <= MOST:
            return dict(reaching)
        known = sorted(self._read.intersection(reaching))
        left_out = set(known[1 : len(known) - MOST + 1])
        return {site: None for site in reaching if site not in left_out}
