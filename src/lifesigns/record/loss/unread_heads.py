"""Parts of one container that are called one after the other, of which the loss reads the last.

`for head in heads: loss = criterion(head(z), y)` computes a loss for each head and keeps that of
the last; `for layer in layers: h = layer(x)` does so with layers. The graph holds the last alone;
the module calls of the step tell of the others.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lifesigns.record.graph.module_calls import Call, Forward
from lifesigns.record.graph.sites import Condensed, first_kept
from lifesigns.record.graph.walk import Walk


class UnreadHeads(NamedTuple):
    """Parts of a container that are in no loss."""

    number: int
    last: int
    """A site of the one that is."""

    def details(self) -> dict[str, float]:
        """Details of a loss."""
        return {"unread_heads": float(self.number), "last_head_at": float(self.last)}


def unread_heads(walked: Walk, condensed: Condensed, forward: Forward) -> dict[str, float]:
    """How many such parts are in no loss, and a site of the last one, as marks of the loss.

    Args:
        walked: The graph of the loss.
        condensed: Its sites, which keep the answer for graphs and calls that are alike.
        forward: The module calls of the step; empty if it was not armed.
    """
    found = first_kept(
        condensed.kept_of_all_sizes, UnreadHeads, _unread(walked, condensed, forward)
    )
    return {} if found is None else found.details()


def _unread(walked: Walk, condensed: Condensed, forward: Forward) -> Iterator[UnreadHeads]:
    if walked.stands_for:
        return
    for parts in _containers(forward):
        *others, last = sorted(parts, key=lambda call: call.start)
        at = _site(condensed, walked, last)
        if at is not None and not _holds_any(walked, others[0].start, last.start):
            yield UnreadHeads(len(others), at)


def _containers(forward: Forward) -> Iterator[Sequence[Call]]:
    """Calls of parts that train, by the container that holds them and is itself not called."""
    paths = {call: path for call in forward.calls if (path := forward.path(call))}
    called = set(paths.values())
    found: dict[str, list[Call]] = {}
    for call, path in paths.items():
        container, _, _ = path.rpartition(".")
        if container and container not in called and _trains(call):
            found.setdefault(container, []).append(call)
    for calls in found.values():
        if len({paths[call] for call in calls}) == len(calls) > 1:
            yield calls


def _trains(call: Call) -> bool:
    module = call.module()
    usual = call.training and call.start < call.end and not call.is_compiled
    return usual and module is not None and any(p.requires_grad for p in module.parameters())


def _holds_any(walked: Walk, start: float, end: float) -> bool:
    """Whether the graph has a node that was made in between."""
    at = bisect_left(walked.numbers, start)
    return at < len(walked.numbers) and walked.numbers[at] < end


def _site(condensed: Condensed, walked: Walk, call: Call) -> int | None:
    """The last site within a call; None if the loss reads nothing of it."""
    inside = (
        number
        for number, node in reversed(list(enumerate(condensed.nodes)))
        if call.start <= walked.numbers[node] < call.end
    )
    return next(inside, None)
