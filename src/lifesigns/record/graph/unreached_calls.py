"""Calls of a module in one forward pass to which no gradient goes back, as the next was cut off.

A cell is called for each element of a sequence, and its state detached in between. Only the last
call is in the loss's graph, so the graph alone cannot tell; the module calls of the step can. That
a later call reads what an earlier one returned is told by the storage, which is compared by
identity: an address may be that of a new tensor.

Where the cell is no module but a few layers that are called in turn, none returns the state. Then
one layer walks along a sequence, of which it is given another slice in each call, and beside it
another one reads each time what has a memory of its own and no graph. Or a single layer reads both
side by side: its last call the last element of the batch, and more.

Or all calls are reached, but the last alone by more than what asks each for itself: `calls_apart`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from lifesigns.record.graph.calls_apart import calls_apart
from lifesigns.record.graph.cut_state import given_without_graph
from lifesigns.record.graph.module_calls import Call, Forward
from lifesigns.record.graph.same_memory import Storage, places_of
from lifesigns.record.graph.walk import Walk
from lifesigns.records import Kind, Site


class Reader(NamedTuple):
    """A module of whose calls the last alone is reached."""

    calls: list[Call]
    state: Set[Storage]
    """Where the state lies that the last one reads."""
    sequence: Tensor | None = None
    """What it reads the last element of, beside the state, where nothing else tells."""


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
    if not [call for call in forward.calls if call.is_again]:
        return {}
    if apart := calls_apart(walked, forward):
        *earlier, last = apart
        within = (n for n, i in enumerate(nodes) if last.start <= walked.numbers[i] < last.end)
        return {n: len(earlier) for n in within if sites[n].parameters}
    ended = list(_reached_at_the_end_alone(walked, forward))
    linear = [
        (number, node)
        for number, (site, node) in enumerate(zip(sites, nodes, strict=True))
        if ended and site.kind is Kind.LINEAR and site.parameters
    ]
    found: dict[int, int] = {}
    for reader in (*_of_a_cell(ended), *_of_layers(ended, forward)):
        *earlier, last = reader.calls
        inside = [(n, i) for n, i in linear if last.start <= walked.numbers[i] < last.end]
        for number in _readers(walked, inside, reader):
            found.setdefault(number, len(earlier))
    return found


def _readers(walked: Walk, linear: Sequence[tuple[int, int]], reader: Reader) -> list[int]:
    """Which of the linear maps within the last call read its state."""
    reading = [(n, i) for n, i in linear if _reads(walked, i, reader.state)]
    if reader.sequence is not None:
        return [n for n, i in reading if _reads_the_end(walked, i, reader.sequence)]
    handed_on = not reader.state.isdisjoint(memory for memory, _ in reader.calls[-1].given)
    joined = [n for n, i in linear if _is_joined(walked, i)] if handed_on else []
    return [n for n, _ in reading] or joined[:1]


def _reads(walked: Walk, node: int, state: Set[Storage]) -> bool:
    """Whether a linear map reads something without a graph that lies in these storages."""
    given = given_without_graph(walked, node)
    return given is not None and not state.isdisjoint(memory for memory, _ in places_of(given))


def _is_joined(walked: Walk, node: int) -> bool:
    """Whether a part of what a linear map reads has no graph, or none of it has."""
    data = walked.inputs[node][-2]
    if data is None:
        return True
    return data >= 0 and walked.names[data] == "Cat" and None in walked.inputs[data]


def _reads_the_end(walked: Walk, node: int, sequence: Tensor) -> bool:
    """Whether a linear map reads the last element of a sequence, and something beside it."""
    given, width = given_without_graph(walked, node), sequence.shape[-1]
    if given is None or sequence.dim() != 3 or given.dim() != 2 or given.shape[1] <= width:
        return False
    for end in (sequence[:, -1], sequence[-1]):
        parts = (given[:, :width], given[:, -width:])
        if end.dtype == given.dtype and any(torch.equal(end, part) for part in parts):
            return True
    return False


def _reached_at_the_end_alone(walked: Walk, forward: Forward) -> Iterator[list[Call]]:
    """The calls of each module, where no gradient reaches any but the last.

    Those before the latest backward pass are not looked at.
    """
    calls_of: defaultdict[int, list[Call]] = defaultdict(list)
    for call in forward.calls:
        if forward.since < call.start < call.end:
            calls_of[id(call.module())].append(call)
    for calls in calls_of.values():
        if len(calls) > FEWEST_CALLS and not any(_is_reached(walked, call) for call in calls[:-1]):
            yield calls


def _is_reached(walked: Walk, call: Call) -> bool:
    at = bisect_left(walked.numbers, call.start)
    return at < len(walked.numbers) and walked.numbers[at] < call.end


# --- a cell that is a module ----------------------------------------------------------------------
def _of_a_cell(ended: Sequence[list[Call]]) -> Iterator[Reader]:
    """The calls of each cell, and where the last but one left its state."""
    for calls in ended:
        if _are_given_others(calls):
            yield Reader(calls, {memory for memory, _ in calls[-2].returned})


def _are_given_others(calls: Sequence[Call]) -> bool:
    """Whether each reads an input of its own beside the state.

    An iteration on one input, or on nothing but what it has made, may go without its graph.
    """
    noted = [call for call in calls if call.is_again]
    first = {call.given[0] for call in noted if call.given}
    apart = len(first) == len(noted) >= FEWEST_CALLS
    return apart and _made(calls).isdisjoint(memory for memory, _ in first)


# --- a cell of several layers ---------------------------------------------------------------------
def _of_layers(ended: Sequence[list[Call]], forward: Forward) -> Iterator[Reader]:
    """The calls of each layer that reads a state, and where that of the last call lies."""
    walking = [calls for calls in ended if _walks_along(calls)]
    for calls in ended:
        state = _of_their_own(calls)[-1:]
        own = set(state) - set[Storage]().union(*map(_made, ended))
        if any(_are_in_turn(calls, others) for others in walking if others is not calls):
            yield Reader(calls, own)
        elif (sequence := _batch_of(calls[-1], forward)) is not None:
            yield Reader(calls, own, sequence)


def _batch_of(call: Call, forward: Forward) -> Tensor | None:
    """What the outermost call was given within which this one was made."""
    for root in forward.roots_of(call.start, call.start):
        return root.input
    return None


def _walks_along(calls: Sequence[Call]) -> bool:
    """Whether each call is given another slice of one tensor."""
    given = [call.given[0] for call in calls if call.given]
    is_one = len({memory for memory, _ in given}) == 1
    return is_one and len({start for _, start in given}) == len(given) >= FEWEST_CALLS


def _of_their_own(calls: Sequence[Call]) -> list[Storage]:
    """What each call is given, if these are memories of which none is another's."""
    given = [call.given[0][0] for call in calls if call.given]
    return given if len(set(given)) == len(given) >= FEWEST_CALLS else []


def _are_in_turn(some: Sequence[Call], others: Sequence[Call]) -> bool:
    """Whether one call of each follows one of the other, as in the steps of a loop."""
    starts = [sorted((a.start, b.start)) for a, b in zip(some, others, strict=False)]
    return len(some) == len(others) and all(now[1] < then[0] for now, then in pairwise(starts))


def _made(calls: Sequence[Call]) -> Set[Storage]:
    """What the calls returned, but for the first."""
    return {memory for call in calls for memory, _ in call.returned}
