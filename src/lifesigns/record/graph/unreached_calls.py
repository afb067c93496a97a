"""Calls of a module in one forward pass to which no gradient goes back, as the next was cut off.

A cell is called for each element of a sequence, and its state detached in between. Only the last
call is in the loss's graph, so the graph alone cannot tell; the module calls of the step can. That
a later call reads what an earlier one returned is told by the storage, which is compared by
identity: an address may be that of a new tensor.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set

from lifesigns.record.graph.cut_state import given_without_graph
from lifesigns.record.graph.module_calls import Call, Forward
from lifesigns.record.graph.same_memory import Storage, places_of
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
    found: dict[int, int] = {}
    for *earlier, last in _reached_at_the_end_alone(walked, forward):
        state = {memory for memory, _ in earlier[-1].returned}
        for number, (site, node) in enumerate(zip(sites, nodes, strict=True)):
            if not (site.kind is Kind.LINEAR and site.parameters):
                continue
            if last.start <= walked.numbers[node] < last.end and _reads(walked, node, state):
                found.setdefault(number, len(earlier))
    return found


def _reads(walked: Walk, node: int, state: Set[Storage]) -> bool:
    """Whether a linear map reads something without a graph that lies in these storages."""
    given = given_without_graph(walked, node)
    return given is not None and not state.isdisjoint(memory for memory, _ in places_of(given))


def _reached_at_the_end_alone(walked: Walk, forward: Forward) -> Iterator[list[Call]]:
    """The calls of each module, where no gradient reaches any but the last.

    Those before the latest backward pass are not looked at.
    """
    calls_of: defaultdict[int, list[Call]] = defaultdict(list)
    for call in forward.calls:
        if forward.since < call.start < call.end:
            calls_of[id(call.module())].append(call)
    for calls in calls_of.values():
        if len(calls) <= FEWEST_CALLS or any(_is_reached(walked, call) for call in calls[:-1]):
            continue
        if _are_given_others(calls):
            yield calls


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
