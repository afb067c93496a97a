"""A long trace, thinned to the snapshots that decide: judging takes as long for any length of run.

Losses are a few bytes a step and all stay. Of the recorded steps these are judged, each with all
its snapshots: the first ones (initialisation shows there), those at powers of two (a transient is
resolved as finely as it is young), evenly spaced ones, the last ones, and what was recorded for a
reason (a spike, a loss that is not finite) or holds a value that is not finite.

What that costs: statements about rates have the certainty of what was judged. A unit called dead
was silent on the samples of the evenly spaced steps of the last quarter, some thirty batches,
instead of thousands, so that its activity may be higher by the same factor; a gradient that jumped
at a single step without a trace in the loss can be missed; and "in each of n recorded steps"
counts the judged ones. What is exact on the graph, on shapes or on the losses stays exact.
"""

from __future__ import annotations

from dataclasses import replace

from lifesigns.records import Trace

FIRST, EVEN, LAST, NOTABLE = 8, 128, 8, 16
"""How many recorded steps of each sort are judged."""
WHOLE = FIRST + EVEN + LAST + NOTABLE
"""Up to this many snapshots nothing is left out."""


def thinned(trace: Trace) -> Trace:
    """The same run with the snapshots that decide; a short one as it is."""
    if len(trace.snapshots) <= WHOLE:
        return trace
    steps = list(dict.fromkeys(snapshot.step for snapshot in trace.snapshots))
    notable = dict.fromkeys(s.step for s in trace.snapshots if s.is_notable)
    kept = {steps[place] for place in _places(len(steps), len(trace.snapshots))}
    kept.update(list(notable)[:NOTABLE])
    return replace(trace, snapshots=tuple(s for s in trace.snapshots if s.step in kept))


def _places(steps: int, snapshots: int) -> set[int]:
    """Which of the recorded steps are kept; fewer evenly spaced ones if each has many snapshots."""
    even = max(2, EVEN * steps // snapshots)
    return {
        *range(min(FIRST, steps)),
        *(2**k for k in range(steps.bit_length()) if 2**k < steps),
        *(round(i * (steps - 1) / (even - 1)) for i in range(even)),
        *range(max(0, steps - LAST), steps),
    }
