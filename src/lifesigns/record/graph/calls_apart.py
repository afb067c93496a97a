"""Calls of a network in turn of which the last alone reaches more than a penalty on what it says.

A policy is called in each step of a simulator. If the state is detached in between, a loss at the
end reaches the last call; of all others only what asks each for itself, such as its effort.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import torch
from torch import Tensor

from lifesigns.record.graph.module_calls import Call, Forward
from lifesigns.record.graph.walk import Walk, saved

FEWEST_CALLS = 4
FEWEST_ROWS = 8
NEAR = 0.9
"""Mean correlation, over the samples, of the numbers that two calls in turn are given."""
OF_ITSELF = frozenset({"Abs", "Mean", "Neg", "Pow", "Reshape", "Squeeze", "Sum", "View"})


def calls_apart(walked: Walk, forward: Forward) -> list[Call]:
    """The calls of an outermost module, where it is so and samples move on from call to call.

    Each is given a tensor of its own, without a graph. The last two show that it is the same
    samples, a little further: their numbers are near one another, and not the same.

    Args:
        walked: The graph.
        forward: The module calls of the step.
    """
    calls = [c for c in forward.calls if c.depth == 0 and forward.since < c.start < c.end]
    of_last = [call for call in calls if call.module() is calls[-1].module()]
    if len(of_last) < FEWEST_CALLS or calls[-1].module() is None:
        return []
    given = {call.given[0][0] for call in of_last if call.given}
    if len(given) < len(of_last) - 1:  # of the first none is noted
        return []
    spans = [_span(walked, call) for call in of_last]
    if not all(span and _begins_here(walked, span) for span in spans):
        return []
    if not _leads_on(walked, spans[-1]) or any(_leads_on(walked, span) for span in spans[:-1]):
        return []
    return of_last if _moved_on(of_last) else []


def _span(walked: Walk, call: Call) -> range:
    start, end = (bisect_left(walked.numbers, number) for number in (call.start, call.end))
    return range(start, end)


def _begins_here(walked: Walk, span: range) -> bool:
    """Whether no node of a call reads what was made outside."""
    return all(j is None or j < 0 or j in span for i in span for j in walked.inputs[i])


def _leads_on(walked: Walk, span: range) -> bool:
    """Whether anything outside a call makes more of its values than a number from these alone."""
    waiting = [j for i in span for j in walked.readers.get(i, ()) if j not in span]
    seen = set(waiting)
    while waiting:
        i = waiting.pop()
        if not _is_of_itself(walked, i):
            return True
        if walked.shape(i):
            later = set(walked.readers.get(i, ())) - seen
            seen |= later
            waiting += later
    return False


def _is_of_itself(walked: Walk, i: int) -> bool:
    """Whether a node has no other input than one value, and numbers."""
    inputs = walked.inputs[i]
    if len(set(inputs) - {None}) != 1:
        return False
    if walked.names[i] in ("Div", "Mul"):
        others = [saved(walked.nodes[i], word) for word in ("other", "self")]
        data = any(isinstance(o, Tensor) and o.dim() and not o.requires_grad for o in others)
        return None not in inputs or not data
    return walked.names[i] in OF_ITSELF


def _moved_on(calls: Sequence[Call]) -> bool:
    """Whether the last two calls were given the same samples, a little further."""
    before, after = calls[-2].input, calls[-1].input
    if before is None or after is None or before.shape != after.shape or before.dim() < 2:
        return False
    if len(after) < FEWEST_ROWS or not after.is_floating_point() or before.dtype != after.dtype:
        return False
    x, y = (given.detach().flatten(1).float() for given in (before, after))
    x, y = x - x.mean(0), y - y.mean(0)
    sizes = (x.square().sum(0) * y.square().sum(0)).sqrt()
    varied = sizes > 0
    near = ((x * y).sum(0)[varied] / sizes[varied]).mean() > NEAR
    return bool(near & ~torch.isclose(before, after).all())
