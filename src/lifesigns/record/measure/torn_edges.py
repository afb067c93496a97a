"""Whether two index vectors are the halves of a list of pairs, which was viewed and not transposed.

`edges.reshape(2, -1)` of edges (E, 2) has the sizes of `edges.t()`, and each row of it holds half
of the edges, sources and targets in turn. Memory tells it where the rows are still views of the
list. Behind a copy, as with self-loops or counterparts added, numbers tell: if the halves are read
two by two, every edge of an undirected graph has its counterpart, or those of a sorted list are
sorted again.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.readable import is_readable

MOST = 4
"""Index vectors that are looked at."""
FEWEST = 16
"""Pairs whose numbers are looked at; fewer may be symmetric, or sorted, by chance."""
ENOUGH = 1 << 18
"""Pairs of which the numbers are not looked at, for this would take long."""
MOST_LOOPS = 0.4
"""Share of the pairs that may be of two equal numbers: a sorted vector has more, read by twos."""
_TAKE = dict.fromkeys(("Embedding", "Index"), "indices") | dict.fromkeys(
    ("Gather", "IndexSelect"), "index"
)
_ADD = dict.fromkeys(("IndexAdd", "IndexReduce", "ScatterAdd", "ScatterReduce"), "index")
_WORDS = _TAKE | _ADD
"""Operations that take rows, or add up rows, and the attribute with their index."""
_INTEGERS = frozenset({torch.int64, torch.int32})

BY_MEMORY, BY_COUNTERPARTS, BY_ORDER = 0.0, 1.0, 2.0


class TornEdges(NamedTuple):
    """A list of pairs that was viewed."""

    pairs: int
    how: float
    """By what it is told."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss; nothing waits on a device.

        Args:
            arrays: Not needed.
        """
        return {"torn_pairs": float(self.pairs), "torn_pairs_by": self.how}


class _Index(NamedTuple):
    vector: Tensor
    adds: bool
    """Whether rows are added up by it, and not taken."""


def torn_edges(walked: Walk) -> TornEdges | None:
    """Looks at the index vectors by which a graph takes and adds rows.

    Args:
        walked: The graph of a loss.

    Returns:
        None where nothing tells of pairs that were torn.

    Cost: one look at each name; for two vectors of one length, by which rows are taken and added
    up, some passes over them.
    """
    for first, second in combinations(_indices(walked), 2):
        if len(first.vector) != len(second.vector) or len(first.vector) < 3:
            continue
        pair, adds_up = (first.vector, second.vector), first.adds != second.adds
        if (told := _told(*pair, adds_up=adds_up)) is not None:
            return TornEdges(len(first.vector), told)
    return None


def _indices(walked: Walk) -> list[_Index]:
    """Vectors of integers that are an index, each once."""
    found: dict[tuple[Any, ...], _Index] = {}
    for i, name in enumerate(walked.names):
        for vector in _of(walked.nodes[i], _WORDS[name]) if name in _WORDS else ():
            place = vector.data_ptr(), len(vector), vector.stride()
            found.setdefault(place, _Index(vector, name in _ADD))
            if len(found) == MOST:
                return [*found.values()]
    return [*found.values()]


def _of(node: Any, word: str) -> Iterator[Tensor]:
    value = saved(node, word)
    for index in value if isinstance(value, tuple) else (value,):
        if not isinstance(index, Tensor) or index.dtype not in _INTEGERS or not is_readable(index):
            continue
        if index.dim() == 2 and len(index) == 2:  # x[edges]
            yield from index
        elif index.dim() == 2 and index.stride(1) == 0:  # spread over the features
            yield index[:, 0]
        elif index.dim() == 1:
            yield index


def _told(first: Tensor, second: Tensor, *, adds_up: bool) -> float | None:
    """What tells that two vectors are the halves of a list of pairs, if anything does."""
    if _halves(first, second) or _halves(second, first):
        return None if _is_balanced(first, second) else BY_MEMORY
    if not adds_up or not FEWEST <= len(first) <= ENOUGH or first.device != second.device:
        return None
    count = _once(first, second, _edges(first, second))
    halves = first[:count], second[:count]
    if count < FEWEST or _is_balanced(*halves):
        return None
    told = _by_numbers(torch.cat(halves))
    return _by_numbers(torch.cat(halves[::-1])) if told is None else told


def _halves(first: Tensor, second: Tensor) -> bool:
    """Whether both lie in a list of pairs, one behind the other, across its rows."""
    pairs = first._base
    if pairs is None or pairs is not second._base or pairs.dim() != 2 or pairs.shape[1] != 2:
        return False
    are_runs = pairs.is_contiguous() and first.stride() == second.stride() == (1,)
    return are_runs and second.storage_offset() == first.storage_offset() + len(first)


def _edges(first: Tensor, second: Tensor) -> int:
    """How many pairs there are without the self-loops of all nodes, which may follow them."""
    differ = (first != second).nonzero()
    count = int(differ[-1]) + 1 if len(differ) else 0
    loops = first[count:]
    return count if torch.equal(loops, torch.arange(len(loops)).to(loops)) else len(first)


def _once(first: Tensor, second: Tensor, count: int) -> int:
    """How many pairs there are without the counterparts of all, if these follow them in order."""
    half, odd = divmod(count, 2)
    if odd or not torch.equal(first[:half], second[half:count]):
        return count
    return half if torch.equal(second[:half], first[half:count]) else count


def _by_numbers(flat: Tensor) -> float | None:
    sources, targets = flat[::2], flat[1::2]
    if float((sources == targets).float().mean()) > MOST_LOOPS:
        return None
    if _is_balanced(sources, targets) and _is_symmetric(sources, targets):
        return BY_COUNTERPARTS
    half = len(flat) // 2
    is_sorted = _rises(sources) and int(sources[-1]) - int(sources[0]) >= FEWEST
    others = targets, flat[:half], flat[half:]
    return BY_ORDER if is_sorted and not any(map(_rises, others)) else None


def _is_balanced(sources: Tensor, targets: Tensor) -> bool:
    """Whether each number is as often here as there, as in an undirected graph."""
    largest = max(int(sources.max()), int(targets.max())) + 1
    if largest > 16 * ENOUGH or min(int(sources.min()), int(targets.min())) < 0:
        return False
    return torch.equal(*(torch.bincount(t, minlength=largest) for t in (sources, targets)))


def _is_symmetric(sources: Tensor, targets: Tensor) -> bool:
    """Whether each pair is there the other way round as well."""
    sources, targets = sources.long(), targets.long()
    wide = max(int(sources.max()), int(targets.max())) + 1
    there, back = sources * wide + targets, targets * wide + sources
    return torch.equal(there.sort().values, back.sort().values)


def _rises(numbers: Tensor) -> bool:
    return bool((numbers[1:] >= numbers[:-1]).all())
