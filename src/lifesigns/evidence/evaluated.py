"""The places in a program that evaluate a trained network, with the passes seen of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from lifesigns.records import EvaluationPass, Trace


@dataclass(frozen=True)
class EvaluatedPlace:
    """One place, and the passes that it made after the first few steps it was reached in."""

    passes: tuple[EvaluationPass, ...]

    @property
    def is_in_each_step(self) -> bool:
        """Whether it belongs to the step of training, like pseudo-labels or samples to tell apart.

        A single step does not tell.
        """
        steps = sorted({one.step for one in self.passes})
        return len(steps) > 1 and all(b - a == 1 for a, b in pairwise(steps))

    @property
    def is_repeated(self) -> bool:
        """Whether an input is given more than once: an average over what is random."""
        return any(one.is_again for one in self.passes)


def evaluated_places(trace: Trace) -> Iterable[EvaluatedPlace]:
    """All that were seen, in the order of their first time.

    Args:
        trace: A run.
    """
    for number in sorted({one.place for one in trace.evaluations}):
        yield EvaluatedPlace(tuple(p for p in trace.evaluations if p.place == number))
