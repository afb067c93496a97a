"""Answers that a network and its teacher give to one batch, of which no loss reads any."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from lifesigns.record.graph.module_calls import Call, Forward
from lifesigns.record.graph.same_form import is_like
from lifesigns.record.graph.ungraded import UngradedCalls
from lifesigns.record.graph.walk import Walk
from lifesigns.record.readable import is_readable

UNREAD = "unread_answers"
FEWEST = 8
"""Rows of a batch: an agent is asked about one state, or a few, to act."""


class UnreadAnswers:
    """Follows the answers that no loss has read so far, from one backward pass to the next."""

    def __init__(self) -> None:
        self._waiting: list[Call] = []

    def look(self, walked: Walk, forward: Forward, ungraded: UngradedCalls) -> dict[str, float]:
        """Looks for calls with gradients on what a network without gradients was given as well.

        Args:
            walked: The graph of the loss.
            forward: The module calls of the step.
            ungraded: Modules that ran without gradients.

        Returns:
            The mark `unread_answers`: 1 where the loss reads no answer to such a batch, 0 where it
            reads one, or one that waited since an earlier pass; none where there is no such batch.

        Cost: nothing where nothing ran without gradients; else the outermost calls since the last
            pass.
        """
        waiting, self._waiting = self._waiting, []
        asked = list(ungraded.asked()) if forward.calls else []
        if not asked or walked.stands_for:
            return {}
        shared = [call for call in _latest(forward) if _has_teacher(call, asked)]
        late = any(_is_read(walked, call) for call in waiting)
        read = late or any(_is_read(walked, call) for call in shared)
        self._waiting = [] if read else shared
        return {UNREAD: float(not read)} if shared or late else {}


def _latest(forward: Forward) -> Iterator[Call]:
    """The outermost calls that train and answer with a graph, since the backward pass before."""
    for call in reversed(forward.calls):
        if call.end <= forward.since:
            return
        usual = call.training and not call.depth and not call.is_compiled
        if usual and forward.since < call.start < call.end and call.input is not None:
            yield call


def _has_teacher(call: Call, asked: Sequence[tuple[nn.Module, Tensor]]) -> bool:
    """Whether another network was given the same, which is no part of this one, nor a copy of it.

    One that learns the values of actions is asked beside its copy which action it would take.
    """
    network = call.module()
    others = [module for module, given in asked if _is_same(given, call.input)]
    if network is None or not others:
        return False
    inside = {id(part) for one in (network, *others) for part in one.modules() if part is not one}
    outer = [one for one in others if one is not network and id(one) not in inside]
    return any(not is_like(one, network) for one in outer)


def _is_same(given: Tensor, other: Tensor | None) -> bool:
    if other is None or given.shape != other.shape or not is_readable(given):
        return False
    is_batch = given.dim() > 1 and len(given) >= FEWEST
    return is_batch and given.data_ptr() == other.data_ptr()


def _is_read(walked: Walk, call: Call) -> bool:
    at = bisect_left(walked.numbers, call.start)
    return at < len(walked.numbers) and walked.numbers[at] < call.end
