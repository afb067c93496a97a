"""Weights that shrink because their updates point along themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lifesigns.evidence.stream import Stream
from lifesigns.evidence.thresholds import CALIBRATED, Threshold

LEFT = Threshold(0.3, "share of its first size that is left of a weight", CALIBRATED)
ALONG = Threshold(
    0.5, "share of the way of a weight that made it smaller", "arithmetic: the larger part"
)

GONE = Threshold(2e-3, "share of its size that is left of a weight that is gone", "convention")


@dataclass(frozen=True)
class Shrinkage:
    """What became of one weight over the recorded steps."""

    name: str
    size: float
    first: float
    last: float
    latest: float
    """As it was looked at after the last recorded step, if it was."""
    along: float
    """How far it came towards 0, over the way it went: 1 for updates of -c times the weight."""

    @property
    def decays(self) -> bool:
        """Little is left of it, and most of its way led there; or next to nothing is left."""
        little = self.first > 0 and self.last < LEFT * self.first
        return self.is_gone or (little and self.along > ALONG)

    @property
    def is_gone(self) -> bool:
        """Next to nothing is left of it, which no way does that leads elsewhere."""
        return self.latest < GONE * self.first


def shrinkage(stream: Stream) -> Iterator[Shrinkage]:
    """The trained weights of which size and updates were read more than once."""
    seen = stream.trace.sizes
    later = {} if seen is None or seen.step <= stream.last.step else seen.rms
    for last in stream.last.parameters:
        own = [(s.step, p) for s in stream.snapshots if (p := s.parameter(last.name))]
        read = [(t, p.weight_rms, p.update_ratio) for t, p in own if np.isfinite(p.update_ratio)]
        if len(last.shape) > 1 and len(read) > 1:
            size = float(np.prod(last.shape))
            latest = later.get(last.name, read[-1][1])
            yield Shrinkage(last.name, size, read[0][1], read[-1][1], latest, _along(read))


def _along(read: Sequence[tuple[int, float, float]]) -> float:
    """Of step, size and update over size: what the size lost until little was left, over the way.

    What is next to 0 may go anywhere: any update is long beside it.
    """
    steps, sizes, ratios = (np.array(column) for column in zip(*read, strict=True))
    end = max(int(np.argmax(sizes < LEFT * sizes[0])), 1)
    way = float(np.interp(np.arange(steps[0], steps[end]), steps, ratios).sum())
    return float(np.log(sizes[0] / sizes[end])) / way if way > 0 else 0.0
