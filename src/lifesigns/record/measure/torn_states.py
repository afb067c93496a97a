"""Whether the last states of a recurrent layer are joined by a view that exchanges no axes.

A layer of several directions or levels gives them as (states, batch, unit). `h.view(batch, -1)` has
the sizes of `h.transpose(0, 1).reshape(batch, -1)`, and its rows hold states of other samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lifesigns.record.graph.operations import FUSED_RECURRENT, VIEWS
from lifesigns.record.graph.site_below import site_below
from lifesigns.record.graph.sites import Condensed, first_kept
from lifesigns.record.graph.walk import Walk


class TornStates(NamedTuple):
    """A view that takes states for samples."""

    site: int
    """Number of the site that gives them."""
    states: int
    samples: int

    def details(self) -> dict[str, float]:
        """Details of a loss."""
        return {
            "torn_states_at": float(self.site),
            "states": float(self.states),
            "samples": float(self.samples),
        }


def may_tear_states(walked: Walk) -> bool:
    """Whether anything stacks states, or gives them stacked."""
    return "Stack" in walked.names or "CudnnRnn" in walked.names


def torn_states(walked: Walk, condensed: Condensed) -> dict[str, float]:
    """The first such view, as a mark of the loss; empty where there is none.

    Args:
        walked: The graph of a loss.
        condensed: Its sites, which keep the answer for graphs that are alike.
    """
    found = first_kept(condensed.kept, TornStates, _torn(walked, condensed))
    return {} if found is None else found.details()


def _torn(walked: Walk, condensed: Condensed) -> Iterator[TornStates]:
    for index, name in enumerate(walked.names):
        source = walked.inputs[index][0] if name in VIEWS else None
        if source is None or source < 0:
            continue
        number = walked.nodes[index].next_functions[0][1]
        joined, apart = walked.shape(index), walked.shape(source, number)
        if not (_are_states(walked, source, number) and len(apart) == 3 and len(joined) == 2):
            continue
        states, samples, width = apart
        is_torn = joined == (samples, states * width) and min(states, samples) > 1
        site = site_below(walked, condensed, source)
        if is_torn and states != samples and site is not None:
            yield TornStates(site, states, samples)


def _are_states(walked: Walk, index: int, number: int) -> bool:
    """Whether a value is a stack along dimension 0, or what a fused layer gives beside its output.

    Of a stack along another dimension the length of dimension 0 is not how many it holds.
    """
    if walked.names[index] in FUSED_RECURRENT:
        return number > 0
    inputs = walked.inputs[index]
    return walked.names[index] == "Stack" and walked.shape(index)[:1] == (len(inputs),)
