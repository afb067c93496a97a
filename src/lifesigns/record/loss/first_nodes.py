"""Edges of a batch of graphs that all end at its first nodes.

The nodes of several graphs are joined to one table, and each graph numbers its nodes from 0. Edges
that are joined without the number of nodes before them all run between the first nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.operations import signed
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import PASSING
from lifesigns.record.measure.reduce import Pack

TOUCHED, NODES, GRAPHS, LARGEST = "nodes_touched", "nodes", "graphs_of_nodes", "largest_graph"
"""Details of a loss: how many of the first nodes edges begin or end at, and of how many; where
what is computed of the nodes is summed by the graph that each belongs to, how many graphs these
are, and how many nodes the largest of them has."""
FEWEST = 8
"""Nodes below which they may be one graph."""
MOST = 32
"""Sums over edges, and reads of nodes, that are looked at."""
FARTHEST = 256
"""Nodes of the graph between a sum over edges and what it reads."""
GATHERS = frozenset({"Gather", "Index", "IndexSelect"})
SUMS = frozenset({"IndexAdd", "IndexPut", "IndexReduce", "ScatterAdd", "ScatterReduce"})
"""Names of the nodes that read rows by an index, and of those that add to rows."""


class Rows(NamedTuple):
    """What picks rows of a table, or adds to them."""

    picked: Tensor
    """The number of each row."""
    rows: int
    """How many the table has."""


class PendingNodes(NamedTuple):
    """What edges touch, still on the device."""

    slot: int
    nodes: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss; those of graphs only where they are known.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        touched, graphs, largest = arrays[self.slot].tolist()
        details = {TOUCHED: touched + 1, NODES: float(self.nodes)}
        return {**details, GRAPHS: graphs, LARGEST: largest} if graphs else details


def first_nodes(pack: Pack, walked: Walk) -> PendingNodes | None:
    """Looks at how far down a table of computed rows edges reach, on both of their ends.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of a loss.

    Returns:
        None where no rows are read by an index and summed by another one into as many rows as they
        were read from. A parameter is a table, whose rows are looked up.

    Cost: one look at each name; the maximum of each index.
    """
    if SUMS.isdisjoint(walked.names) or GATHERS.isdisjoint(walked.names):
        return None
    edges = list(_edges(walked))
    if not edges:
        return None
    nodes = max(rows for _, rows in edges)
    ends = [index for index, rows in edges if rows == nodes]
    if nodes < FEWEST or any(not index.numel() for index in ends):
        return None
    farthest = torch.stack([index.amax() for index in ends]).amax()
    none = torch.zeros_like(farthest)
    known = [farthest, *(_sizes(walked, nodes) or (none, none))]
    return PendingNodes(pack.add(torch.stack(known)), nodes)


def _edges(walked: Walk) -> Iterator[Rows]:
    """The rows that are read, and those that what was made of them is added to, of one table."""
    sums = [i for i, name in enumerate(walked.names) if name in SUMS]
    for i in sums[:MOST]:
        end = summed(walked, i)
        if end is None:
            continue
        begins = [start for start in _read_below(walked, i) if start.rows == end.rows]
        if begins:
            yield end
            yield from begins


def _read_below(walked: Walk, i: int) -> Iterator[Rows]:
    """The nearest reads of computed rows that a sum leads back to, but by what it adds to."""
    waiting = [j for j in walked.inputs[i][1:] if j is not None and j >= 0]
    seen = set(waiting)
    while waiting and len(seen) < FARTHEST:
        at = waiting.pop()
        if walked.names[at] in GATHERS:
            found = gathered(walked, at)
            if found is not None:
                yield found
                continue
        below = {j for j in walked.inputs[at] if j is not None and j >= 0} - seen
        seen |= below
        waiting += below


def gathered(walked: Walk, i: int) -> Rows | None:
    """An index into the rows of what was computed.

    Args:
        walked: The graph of a loss.
        i: Index of a node that is one of `GATHERS`.
    """
    node, below = walked.nodes[i], walked.inputs[i][0]
    if below is None or _is_parameter(walked, below):
        return None
    shape = walked.shape(below)
    index = _along_rows(node, len(shape))
    return None if index is None or not shape else Rows(index, shape[0])


def _is_parameter(walked: Walk, i: int) -> bool:
    """Whether a value is a parameter, or a view of one."""
    while i >= 0 and walked.names[i] in PASSING:
        below = walked.inputs[i][0]
        if below is None:
            return False
        i = below
    return i < 0


def summed(walked: Walk, i: int) -> Rows | None:
    """An index of the rows to which others are added.

    Args:
        walked: The graph of a loss.
        i: Index of a node that is one of `SUMS`.
    """
    node, shape = walked.nodes[i], walked.shape(i)
    if walked.names[i] == "IndexPut" and not saved(node, "accumulate"):
        return None
    index = _along_rows(node, len(shape))
    return None if index is None or not shape else Rows(index, shape[0])


def _along_rows(node: Any, dims: int) -> Tensor | None:
    """One number for each row that is read, or added to, along the first dimension."""
    indices = saved(node, "indices")
    if indices is not None:
        given = [one for one in indices if isinstance(one, Tensor)]
        if len(given) != 1 or given[0] is not indices[0] or given[0].dim() != 1:
            return None
        return given[0] if given[0].dtype in (torch.int64, torch.int32) else None
    index, dim = saved(node, "index"), getattr(node, "_saved_dim", None)
    if not isinstance(index, Tensor) or dim is None or not dims or signed(int(dim)) % dims:
        return None
    numbers: Tensor = index
    while numbers.dim() > 1 and numbers.shape[-1] and not numbers.stride(-1):
        numbers = numbers.select(-1, 0)  # a scatter is given the same number for each column
    return numbers if numbers.dim() else None


def _sizes(walked: Walk, nodes: int) -> tuple[Tensor, Tensor] | None:
    """How many graphs the nodes belong to, and how many nodes the largest has.

    None where nothing that is computed of the nodes is summed by an index; 0 graphs where that
    does not keep the nodes of one graph together.
    """
    for i, name in enumerate(walked.names):
        end = summed(walked, i) if name in SUMS else None
        if end is not None and end.rows < nodes == len(end.picked):
            owner = end.picked.reshape(nodes, -1)[:, 0].long()
            sizes = torch.zeros(end.rows, dtype=torch.long, device=owner.device)
            sizes.scatter_add_(0, owner, torch.ones_like(owner))
            in_order = (owner[1:] >= owner[:-1]).all()
            return (sizes > 0).sum() * in_order, sizes.amax()
    return None
