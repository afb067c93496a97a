"""Values that a sum adds and takes away again: no gradient goes back to them through it.

`z + (q - z)` has the value and the gradient of `q`. A straight-through estimator, `z + (q -
z).detach()`, has the value of `q` and the gradient of `z`. Bengio, Léonard & Courville, 2013,
"Estimating or Propagating Gradients Through Stochastic Neurons for Conditional Computation".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from torch import nn

from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk
from lifesigns.record.loss.sources import numel
from lifesigns.record.loss.summands import terms_of

SUMS = frozenset({"Add", "Neg", "Rsub", "Sub"})
_FLAT = frozenset({"Ceil", "Floor", "Round", "Sign", "Trunc"})
"""Steps, whose derivative is 0."""
MOST_SUMS, MOST_ABOVE = 8, 3
"""Sums that are taken together, and how far above a difference the first of them is."""

Output = tuple[int, int]
"""A node, or a leaf, and which of its outputs."""


class _Cancelled(NamedTuple):
    """A sum that is independent of something it is written with."""

    node: int
    value: int
    """What is added and taken away."""
    rest: tuple[int, ...]
    """What the sum depends on."""


def may_cancel(walked: Walk) -> bool:
    """Whether there is a sum of several parts, some of which are taken away.

    Args:
        walked: The graph of the loss.
    """
    return any(True for _ in _tops(walked))


def cancelled(walked: Walk, condensed: Condensed) -> dict[str, float]:
    """How many weights get no gradient of a term because what they make cancels itself.

    Args:
        walked: The graph of the loss.
        condensed: Its sites.

    Returns:
        Details of a loss: elements of parameters to which every way from some terms leads through
        such a sum, those of them that no other term reaches, and the site of the value. Empty where
        the sum depends on the value by what is left of it, too, or the terms do in another way.

    Cost: a look at each difference that is part of a sum; two walks over the graph if one cancels.
    """
    found = list(_cancelling(walked))
    if not found:
        return {}
    cut = {one.node: one.rest for one in found}
    terms = [term.node for term in terms_of(walked, condensed).found]
    through = [node for node in terms if not cut.keys().isdisjoint(_reached(walked, [node]))]
    lost = _reached(walked, through) - _reached(walked, through, cut)
    weights = _weights(walked, lost)
    if not weights:
        return {}
    alone = _weights(walked, lost - _reached(walked, walked.roots, cut))
    value = next((one.value for one in found if one.value in lost), found[0].value)
    place = _site(walked, condensed, value)
    marks = {"cancelled_weights": float(weights), "cancelled_alone": float(alone)}
    return marks if place is None else {**marks, "cancelled_site": float(place)}


def _tops(walked: Walk) -> Iterator[int]:
    """Differences of sums, and sums of differences."""
    for i, name in enumerate(walked.names):
        if name in SUMS and name != "Add":
            yield from _above(walked, i)
            if any(j is not None and j >= 0 and walked.names[j] in SUMS for j in walked.inputs[i]):
                yield i


def _above(walked: Walk, i: int) -> Iterator[int]:
    level = [i]
    for _ in range(MOST_ABOVE):
        level = [k for j in level for k in walked.readers.get(j, ()) if walked.names[k] in SUMS]
        yield from level[:MOST_SUMS]


def _cancelling(walked: Walk) -> Iterator[_Cancelled]:
    """The lowest sum that is independent of each such value."""
    known: set[int] = set()
    for top in sorted(set(_tops(walked))):
        one = _of_sum(walked, top)
        if one is not None and one.value not in known:
            known.add(one.value)
            yield one


def _of_sum(walked: Walk, top: int) -> _Cancelled | None:
    """What cancels in a sum and the sums that it is made of, if anything does."""
    factors: defaultdict[Output, float] = defaultdict(float)
    owners: defaultdict[Output, set[int]] = defaultdict(set)
    inner: set[Output] = set()
    queue = [(top, 1.0)]
    for _ in range(MOST_SUMS):
        if not queue:
            break
        i, factor = queue.pop(0)
        for part, by in _parts(walked, i):
            factors[part] += factor * by
            owners[part].add(i)
            if part[0] >= 0 and walked.names[part[0]] in SUMS:
                inner.add(part)
                queue.append((part[0], factor * by))
    left = {(i, 0) for i, _ in queue}  # too many: not taken apart
    gone = [part for part, by in factors.items() if by == 0 and len(owners[part]) > 1]
    if not gone:
        return None
    rest = {i for (i, n), by in factors.items() if by and ((i, n) not in inner or (i, n) in left)}
    value = max(gone)[0]
    return _Cancelled(top, value, tuple(sorted(rest)))


def _parts(walked: Walk, i: int) -> Iterator[tuple[Output, float]]:
    """The summands of a node, each with what it is multiplied by."""
    node, name = walked.nodes[i], walked.names[i]
    alpha = float(getattr(node, "_saved_alpha", 1) or 0)
    factors = {"Add": (1, alpha), "Sub": (1, -alpha), "Rsub": (-alpha, 1), "Neg": (-1,)}[name]
    outputs = [number for _, number in node.next_functions]
    for j, output, factor in zip(walked.inputs[i], outputs, factors, strict=False):
        if j is not None:
            yield (j, output), factor


def _reached(
    walked: Walk, starts: Iterable[int], cut: Mapping[int, Sequence[int]] | None = None
) -> set[int]:
    """Nodes and leaves that get a gradient from some nodes; of the sums in `cut` what is left."""
    waiting = list(starts)
    seen = set(waiting)
    while waiting:
        i = waiting.pop()
        if i < 0 or walked.names[i] in _FLAT:
            continue
        below = walked.inputs[i] if cut is None else cut.get(i, walked.inputs[i])
        found = {j for j in below if j is not None} - seen
        seen |= found
        waiting += found
    return seen


def _weights(walked: Walk, nodes: Iterable[int]) -> int:
    """Elements of the parameters among the leaves."""
    leaves = [-1 - i for i in nodes if i < 0]
    trained = [k for k in leaves if isinstance(walked.leaves[k], nn.Parameter)]
    return sum(numel(walked.leaf_shape(k)) for k in trained)


def _site(walked: Walk, condensed: Condensed, i: int | None) -> int | None:
    """The site that made a value, or the nearest that it was made of."""
    while i is not None and i >= 0:
        if i in condensed.site_of_node:
            return condensed.site_of_node[i]
        i = next((j for j in walked.inputs[i] if j is not None), None)
    return None
