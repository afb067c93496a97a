"""Whether weights of edges, which nothing trains, are the degrees of the nodes, or their root.

A matrix of neighbours is divided by the degrees, D^-1/2 A D^-1/2 or D^-1 A; with the other sign of
the exponent it is multiplied. Every entry tells it: its square is the product of the degrees at
both ends of its edge, or it is the degree of the node that hears. What stands on the diagonal does
not count, nor do signs, so that a Laplacian is told as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lifesigns.record.graph.walk import Walk, unpacked
from lifesigns.record.loss.composed import data_factor
from lifesigns.record.loss.first_nodes import GATHERS, SUMS, gathered, summed
from lifesigns.record.loss.sources import PASSING, source
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

OFF, LOWEST, HIGHEST, LOUDEST = "degrees_off", "lowest_degree", "highest_degree", "degrees_summed"
"""Details of a loss: how far the weights of the edges are from the degrees, as a share of what
these would give, in the form that fits best; the ends of the degrees; and the largest sum of the
weights of a node's edges."""
FEWEST, MOST, MOST_EDGES = 8, 1 << 23, 1 << 21
"""Nodes, numbers of a matrix, and edges of a list, that are looked at."""
ENOUGH = 1 << 17
"""Numbers of a matrix that are compared with degrees: those of its first rows."""
MATRICES = 4
"""That are looked at, the first of a graph."""
_FACTORS = {"Mm": ("self", "mat2"), "Bmm": ("self", "mat2")} | dict.fromkeys(
    ("Addmm", "SparseAddmm"), ("mat1", "mat2")
)


class PendingDegrees(NamedTuple):
    """What edges say of degrees, still on the device: a row for each matrix."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss; none where all nodes have one degree.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        rows = arrays[self.slot].reshape(-1, 7)
        known = rows[np.isfinite(rows).all(1) & (rows[:, 5] > rows[:, 4])]
        if not len(known):
            return {}
        best = known[known[:, :4].min(1).argmin()]
        loops = int(best[:4].argmin()) % 2
        lowest, highest, loudest = best[4:].tolist()
        ends = {LOWEST: lowest + loops, HIGHEST: highest + loops}
        return {OFF: float(best[:4].min()), **ends, LOUDEST: loudest}


class _Edges(NamedTuple):
    """Weights of edges; each edge has a number for the node that hears, and for the other."""

    ends: tuple[Tensor, Tensor]
    weights: Tensor
    nodes: int


def degrees(pack: Pack, walked: Walk) -> PendingDegrees | None:
    """Compares weights of edges with the number of edges at their nodes.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of a loss.

    Returns:
        None where nothing computed is multiplied by a square matrix without gradient, nor summed
        along edges that have such weights.

    Cost: one look at each name; of each matrix two sums, and some rows squared.
    """
    found = [
        _of_edges(one) if isinstance(one, _Edges) else _of_matrix(one)
        for one in islice(_constants(walked), MATRICES)
    ]
    alike = [row for row in found if row.device == found[0].device]
    return PendingDegrees(pack.add(torch.cat(alike))) if alike else None


def _constants(walked: Walk) -> Iterator[Tensor | _Edges]:
    """Matrices and weights of edges that are multiplied with what was computed, each once."""
    seen = set[int]()
    for i, name in enumerate(walked.names):
        if name in _FACTORS:
            one = _factor(walked, i)
        else:
            one = _along_edges(walked, i) if name in SUMS else None
        if one is None:
            continue
        place = (one.weights if isinstance(one, _Edges) else one).data_ptr()
        if place not in seen:
            seen.add(place)
            yield one


# --- matrices -------------------------------------------------------------------------------------
def _factor(walked: Walk, i: int) -> Tensor | _Edges | None:
    """The factor of a product that is square and not computed; a weight is none."""
    for word, below in zip(_FACTORS[walked.names[i]], walked.inputs[i][-2:], strict=True):
        value = unpacked(walked.nodes[i], word) if below is None else None
        if type(value) is not Tensor or value.dim() not in (2, 3) or not value.is_floating_point():
            continue
        is_weight = word == "mat2" and isinstance(value._base, nn.Parameter)
        rows, columns = value.shape[-2:]
        if rows != columns or rows < FEWEST or is_weight:
            continue
        if value.layout is not torch.strided:
            return _sparse(value)
        if rows * rows <= MOST and is_readable(value):
            return value.detach()
    return None


def _sparse(matrix: Tensor) -> _Edges | None:
    """The entries of a sparse matrix as edges."""
    if matrix.layout is torch.sparse_coo and matrix.sparse_dim() == 2:
        heard, said = matrix._indices()
        values = matrix._values().detach()
    elif matrix.layout is torch.sparse_csr and matrix.dim() == 2:
        said, values = matrix.col_indices(), matrix.values().detach()
        nodes = torch.arange(len(matrix), device=said.device)
        heard = nodes.repeat_interleave(matrix.crow_indices().diff(), output_size=len(said))
    else:
        return None
    return _usable((heard, said), values, len(matrix))


def _of_matrix(matrix: Tensor) -> Tensor:
    """How far the entries of a matrix are from degrees in four forms, the degrees, and the sums."""
    nodes = matrix.shape[-1]
    if matrix.dim() == 3:
        matrix = matrix[: max(1, ENOUGH // nodes**2)]
    diagonal = matrix.diagonal(dim1=-2, dim2=-1)
    counted = torch.linalg.vector_norm(matrix.float(), 0, -1) - (diagonal != 0).float()
    rows = max(1, min(nodes, ENOUGH // nodes))
    some = matrix[..., :rows, :].float().abs()
    is_edge = some != 0
    is_edge.diagonal(dim1=-2, dim2=-1).fill_(False)
    heard, said = counted[..., :rows].unsqueeze(-1), counted.unsqueeze(-2)
    sums = matrix.sum(-1, dtype=torch.float32).abs()
    return _told(some, is_edge, heard, said, counted, sums)


# --- edges ----------------------------------------------------------------------------------------
def _along_edges(walked: Walk, i: int) -> _Edges | None:
    """The weights by which a sum multiplies the rows that it adds, an edge each."""
    end, given = summed(walked, i), walked.inputs[i][1:]
    at = given[0] if given else None
    if end is None or at is None or at < 0 or end.rows < FEWEST:
        return None
    product = source(walked, at) if walked.names[at] in PASSING else at
    known = data_factor(walked, product)
    if known is None or known[1] < 0 or walked.names[known[1]] not in GATHERS:
        return None
    begin = gathered(walked, known[1])
    if begin is None or begin.rows != end.rows:
        return None
    return _usable((end.picked.reshape(-1), begin.picked.reshape(-1)), known[0], end.rows)


def _usable(ends: tuple[Tensor, Tensor], weights: Tensor, nodes: int) -> _Edges | None:
    """One weight for each edge, all of which can be read."""
    fits = (
        weights.numel() == len(ends[0]) == len(ends[1]) and FEWEST <= weights.numel() <= MOST_EDGES
    )
    if not fits or not weights.is_floating_point() or len({t.device for t in (*ends, weights)}) > 1:
        return None
    are_readable = all(map(is_readable, (*ends, weights)))
    return _Edges(ends, weights.reshape(-1), nodes) if are_readable else None


def _of_edges(edges: _Edges) -> Tensor:
    """As of a matrix, from a list."""
    heard, said = (end.long().remainder(edges.nodes) for end in edges.ends)
    weights = edges.weights.float().abs()
    is_edge = (heard != said) & (weights != 0)
    none = torch.zeros(edges.nodes, device=weights.device)
    counted = none.index_add(0, heard, is_edge.float())
    sums = none.index_add(0, heard, weights)
    return _told(weights, is_edge, counted[heard], counted[said], counted, sums)


def _told(*known: Tensor) -> Tensor:
    """A row for the reading, see `PendingDegrees`: each form without and with loops.

    Args:
        *known: Weights, which of them count, the degrees at both of their ends; the degrees of all
            nodes, and the sums of their weights.
    """
    weights, is_edge, heard, said, counted, sums = known
    both = [weights.square() / ((heard + loops) * (said + loops)) for loops in (0, 1)]
    one = [weights / (heard + loops) for loops in (0, 1)]
    off = [(ratio - 1).abs().where(is_edge, 0.0).amax() for ratio in both + one]
    lowest = counted.where(counted > 0, torch.inf).amin()
    return torch.stack([*off, lowest, counted.amax(), sums.amax()]).unsqueeze(0)
