"""Calls of a module in one forward pass to which no gradient goes back, as the next was cut off.

A cell is called for each element of a sequence, and its state detached in between. Only the last
call is in the loss's graph, so the graph alone cannot tell; the module calls of the step can. That
a later call reads what an earlier one returned is told by the storage, which is compared by
identity: an address may be that of a new tensor.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from torch import Tensor

from lifesigns.record.graph.cut_state import given_without_graph
from lifesigns.record.graph.module_calls import Call, Forward
from lifesigns.record.graph.same_memory import places_of
from lifesigns.record.graph.walk import Walk
from lifesigns.records import Kind, Site

FEWEST_CALLS = 2
"""Calls without a gradient before the one that has it: a single one may be for something else."""


def unreached_calls(
    walked: Walk, sites: Sequence[Site], nodes: Sequence[int], forward: Forward
) -> Mapping[int, int]:
    """By site that reads a state without its graph: how many calls before it get no gradient.

    Args:
        walked: The graph.
        sites: Its sites.
        nodes: Index of the node of each site.
        forward: The module calls of the step; empty if it was not armed.
    """
    if not any(call.is_again for call in forward.calls):
        return {}
    found = {}
    for number, site in enumerate(sites):
        if site.kind is not Kind.LINEAR or not site.parameters:
            continue
        state = given_without_graph(walked, nodes[number])
        if state is not None and (count := _before(walked, nodes[number], state, forward)):
            found[number] = count
    return found


def _before(walked: Walk, node: int, state: Tensor, forward: Forward) -> int:
    """How many calls of a module this one goes on from, the last of them and alone reached."""
    number = walked.numbers[node]
    storage = {memory for memory, _ in places_of(state)}
    for call in forward.calls:
        if not (call.is_again and call.start <= number < call.end):
            continue
        calls = _calls_of(call, forward)
        if len(calls) <= FEWEST_CALLS or calls[-1] is not call:
            continue
        earlier = calls[:-1]
        if (
            storage.intersection(memory for memory, _ in earlier[-1].returned)
            and _are_given_others(calls)
            and not any(_is_reached(walked, other) for other in earlier)
        ):
            return len(earlier)
    return 0


def _calls_of(call: Call, forward: Forward) -> list[Call]:
    """Calls of the same module with gradients, since the last backward pass."""
    return [
        other
        for other in forward.calls
        if other.module() is call.module() and forward.since < other.start < other.end
    ]


def _are_given_others(calls: Sequence[Call]) -> bool:
    """Whether each reads an input of its own beside the state.

    An iteration on one input, or on nothing but what it has made, may go without its graph.
    """
    noted = [call for call in calls if call.is_again]
    first = {call.given[0] for call in noted if call.given}
    made = {memory for call in noted for memory, _ in call.returned}
    apart = len(first) == len(noted) >= FEWEST_CALLS
    return apart and made.isdisjoint(memory for memory, _ in first)


def _is_reached(walked: Walk, call: Call) -> bool:
    at = bisect_left(walked.numbers, call.start)
    return at < len(walked.numbers) and walked.numbers[at] < call.end
