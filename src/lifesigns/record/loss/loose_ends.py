"""Terms of a loss that lead to nothing but tensors that nothing else of it leads to."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import NamedTuple

from torch import Tensor, nn

from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk
from lifesigns.record.loss.sources import numel
from lifesigns.record.loss.summands import reaches_weights


class LooseEnd(NamedTuple):
    """A tensor that a term ended in when a graph like this one was read last."""

    tensor: weakref.ref[Tensor]


def loose_ends(walked: Walk, condensed: Condensed, summands: Iterable[int]) -> dict[str, float]:
    """Terms behind which there is no parameter, nor anything that the other terms depend on.

    A term of an input (an adversarial picture, a latent code) shares it with the term of the
    network's output; one of what was detached, and asks for gradients again, is alone with it. What
    it ends in is trained, perhaps, if it is the same from step to step.

    Args:
        walked: The graph of the loss.
        condensed: Its sites, which know what the term ended in before.
        summands: What the loss is a sum of: indices of nodes, and of leaves.

    Returns:
        The marks `loose_ends`, how many terms these are, and `loose_anew`, whether one of them
        ends in another tensor than before (1) or in the same (0); none where there are no such
        terms, or this is the first graph of its kind.
    """
    found = _found(walked, list(dict.fromkeys(summands)))
    if not found:
        return {}
    leaf = walked.leaves[min(found[0])]
    before = condensed.kept.get(LooseEnd)
    condensed.kept[LooseEnd] = LooseEnd(weakref.ref(leaf))
    if before is None:
        return {}
    return {"loose_ends": float(len(found)), "loose_anew": float(before.tensor() is not leaf)}


def _found(walked: Walk, summands: list[int]) -> list[set[int]]:
    """The leaves of each such term."""
    if len(summands) < 2 or not any(isinstance(leaf, nn.Parameter) for leaf in walked.leaves):
        return []
    without = [i for i in summands if not _trains(walked, i)]
    if not without:
        return []
    shared = _leaves(walked, (i for i in summands if i not in without))
    ends = [_leaves(walked, [i]) for i in without]
    alone = [leaves for leaves in ends if leaves and leaves.isdisjoint(shared)]
    return [leaves for leaves in alone if any(numel(walked.leaf_shape(k)) > 1 for k in leaves)]


def _trains(walked: Walk, i: int) -> bool:
    if i < 0:
        return isinstance(walked.leaves[-1 - i], nn.Parameter)
    return reaches_weights(walked, i)


def _leaves(walked: Walk, starts: Iterable[int]) -> set[int]:
    """The numbers of the leaves that some nodes lead to."""
    queue = list(starts)
    seen = set(queue)
    while queue:
        at = queue.pop()
        below = {j for j in (walked.inputs[at] if at >= 0 else ()) if j is not None} - seen
        seen |= below
        queue.extend(below)
    return {-1 - j for j in seen if j < 0}
