"""Classes that a network cannot name: the output unit of each is 0 for whatever it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lifesigns.evidence.constant import class_counts
from lifesigns.evidence.sites import counted, listed, merged
from lifesigns.evidence.thresholds import SURE_SAMPLES, Threshold
from lifesigns.records import Snapshot

MATTERS = Threshold(
    0.05, "share of the samples whose class is never named", "a twentieth is more than outliers"
)


@dataclass(frozen=True)
class Mute:
    """The mute classes of a rectified output that occur in the targets of the later half."""

    classes: tuple[int, ...]
    samples: int
    """How many were seen."""
    missed: int
    """Those of them whose class is mute."""

    @property
    def matters(self) -> bool:
        """Whether enough was seen, and more than a few samples can only be missed."""
        return self.samples >= SURE_SAMPLES and self.missed > MATTERS * self.samples

    def __str__(self) -> str:
        """As a clause behind others."""
        names = listed([str(number) for number in self.classes])
        whose = f"{counted(len(self.classes), 'class')} ({names})"
        return (
            f"; the output of {whose} is 0 in all {self.samples} samples of the later recorded "
            f"steps, {self.missed} of which are of these classes"
        )


def mute(snapshots: Sequence[Snapshot], site: str) -> Mute | None:
    """What a rectified output never says; None where that was not seen, or it says everything.

    Args:
        snapshots: Of a run; the later half of them is looked at.
        site: The name of the output's activation, one unit for each class.
    """
    later = snapshots[len(snapshots) // 2 :]
    value = merged(later, site)
    counts = class_counts([shot.loss for shot in later if shot.loss])
    if value is None or counts is None or not 0 < len(counts) <= value.units:
        return None
    occurring = np.pad(counts, (0, value.units - len(counts)))
    silent = (value.active == 0) & (value.nonfinite == 0) & (value.count > 0) & (occurring > 0)
    if not silent.any():
        return None
    classes = tuple(map(int, np.flatnonzero(silent)))
    return Mute(classes, int(value.count.min()), int(occurring[silent].sum()))
