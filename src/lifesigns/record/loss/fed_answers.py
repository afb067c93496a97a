"""Answers that a decoder is fed at the very step that is to say them.

A loop feeds `embedding(target[:, t])` to a cell before step t is asked, in place of
`target[:, t - 1]`. What is looked up and what the loss compares with step t are one column of
class numbers, and the lookup leads to no step before t.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import PASSING
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import detached

FED, LOOKED_UP = "fed_answers", "fed_lookups"
"""Details of a loss: lookups that are the answer of the step they lead to first, and all that are
the answer of some step."""
LOOKUPS = frozenset({"Embedding", "Gather", "Index", "IndexSelect"})
FEWEST, MOST = 8, 1 << 22
"""Samples that do not agree by accident; numbers that are compared."""
_LOGS = PASSING | {"LogSoftmax"}


class PendingFed(NamedTuple):
    """What was compared, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss; none where no lookup is an answer.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        fed, looked_up = arrays[self.slot].tolist()
        return {FED: fed, LOOKED_UP: looked_up} if looked_up else {}


class _Asked(NamedTuple):
    """A step of a decoder that is asked for a class number of each sample."""

    node: int
    """All that its answer is made of leads to it."""
    target: Tensor


def feeds_steps(walked: Walk) -> bool:
    """Whether classes are compared, and several things looked up.

    Args:
        walked: The graph of a loss.
    """
    looked_up = sum(name in LOOKUPS for name in walked.names)
    return looked_up > 1 and any(name.startswith("NllLoss") for name in walked.names)


def fed_answers(pack: Pack, walked: Walk) -> PendingFed | None:
    """Compares what is looked up for the steps of a decoder with what each of them is to say.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of a loss.

    Returns:
        None where there are no such steps, or no such lookups.
    """
    asked = list(_asked(walked))
    samples = len(asked[0].target) if len(asked) > 1 else 0
    if samples < FEWEST or any(len(one.target) != samples for one in asked):
        return None
    nodes = [i for i, name in enumerate(walked.names) if name in LOOKUPS]
    lookups = [(i, column) for i in nodes for column in _columns(walked, i, samples)]
    if not lookups or len(lookups) * len(asked) * samples > MOST:
        return None
    first = _first_steps(walked, [one.node for one in asked], {i for i, _ in lookups})
    targets = torch.stack([one.target for one in asked])
    columns = torch.stack([column for _, column in lookups]).to(targets.device)
    varied = (targets != targets[:, :1]).any(1)
    same = (columns[:, None] == targets).all(2) & varied
    is_fed = torch.zeros(same.shape, dtype=torch.bool)
    for row, (node, _) in enumerate(lookups):
        if first.get(node, 0) > 0:
            is_fed[row, first[node]] = True
    fed = (same & is_fed.to(same.device)).any(1)
    later = torch.tensor([first.get(node, 0) > 0 for node, _ in lookups], device=same.device)
    return PendingFed(pack.add(torch.stack([fed.sum(), (same.any(1) & later).sum()])))


def _asked(walked: Walk) -> Iterator[_Asked]:
    """Steps by their own losses, or those that are stacked for one loss."""
    losses = [i for i, name in enumerate(walked.names) if name.startswith("NllLoss")]
    if len(losses) == 1:
        yield from _stacked(walked, losses[0])
        return
    for index in losses:
        target = saved(walked.nodes[index], "target")
        if isinstance(target, Tensor) and target.dim() == 1:
            yield _Asked(index, target)


def _stacked(walked: Walk, loss: int) -> Iterator[_Asked]:
    index, target = walked.inputs[loss][0], saved(walked.nodes[loss], "target")
    while index is not None and index >= 0 and walked.names[index] in _LOGS - {"Stack", "Cat"}:
        index = walked.inputs[index][0]
    if index is None or index < 0 or not isinstance(target, Tensor):
        return
    steps, dim = walked.inputs[index], saved(walked.nodes[index], "dim")
    shape = walked.shape(index)
    is_stack = walked.names[index] in ("Stack", "Cat") and len(shape) == 3 and dim in (0, 1)
    if not is_stack or shape[dim] != len(steps) or target.numel() != shape[0] * shape[1]:
        return
    in_order = target.dim() == 1 or dim == 1
    rows = target.reshape(shape[:2]) if in_order else target.reshape(shape[1], shape[0]).t()
    for step, answer in zip(steps, rows.unbind(dim), strict=True):
        if step is not None and step >= 0:
            yield _Asked(step, answer)


def _columns(walked: Walk, index: int, samples: int) -> Iterator[Tensor]:
    """Whole numbers by which a node looks up, one for each sample."""
    node: Any = walked.nodes[index]
    given = saved(node, "indices") if walked.names[index] != "Gather" else saved(node, "index")
    if given is None:
        given = saved(node, "index")
    for one in given if isinstance(given, tuple) else (given,):
        if not isinstance(one, Tensor) or one.dtype != torch.int64:
            continue
        if not (one.dim() and one.numel()):
            continue
        column = one.reshape(len(one), -1)[:, 0]
        has_one_each = one.numel() == samples or walked.names[index] == "Gather"
        plain = detached(column) if has_one_each and len(column) == samples else None
        if plain is not None:
            yield plain


def _first_steps(walked: Walk, steps: list[int], lookups: set[int]) -> dict[int, int]:
    """By lookup: the first step that it leads to."""
    found: dict[int, int] = {}
    seen: set[int] = set()
    for number, step in enumerate(steps):
        waiting = [step]
        while waiting:
            at = waiting.pop()
            if at in seen:
                continue
            seen.add(at)
            if at in lookups:
                found[at] = number
            waiting += [i for i in walked.inputs[at] if i is not None and i >= 0]
    return found
