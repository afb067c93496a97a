"""Whether the inputs of a CTC loss are long enough for their labels.

Each label takes a frame, and each blank between two equal neighbours another one. A sequence with
fewer has no alignment: its loss is infinite, or 0 where `zero_infinity` is set.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lifesigns.record.graph.walk import saved
from lifesigns.record.loss.blank_targets import NONE, labels_of
from lifesigns.record.measure.reduce import Pack


class PendingFrames(NamedTuple):
    """Frames that labels need, still on the device."""

    slot: int
    frames: tuple[int, ...]
    """That the loss was told of each sequence."""
    longest: int
    """Frames that it was given."""
    hides: bool
    """Whether `zero_infinity` is set."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss: sequences, those that are too short, and what these have and need.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        needed, frames = arrays[self.slot], np.array(self.frames)
        short = frames < needed
        marks = {"ctc_sequences": float(len(frames)), "short_sequences": float(short.sum())}
        if short.any():
            marks["short_frames"] = float(np.median(frames[short]))
            marks["short_needs"] = float(np.median(needed[short]))
            marks["frames_left_out"] = float(self.longest - frames.max())
            marks["infinite_is_0"] = float(self.hides)
        return marks


def few_frames(pack: Pack, node: object, given: int) -> PendingFrames | None:
    """Counts the frames that the labels of each sequence need.

    Args:
        pack: Where the numbers wait for the copy.
        node: The autograd node of the loss.
        given: Frames of the log-probabilities.

    Returns:
        None where labels or lengths cannot be read.
    """
    found = labels_of(node)
    frames = tuple(map(int, getattr(node, "_saved_input_lengths", ())))
    if found is None or len(frames) != len(found.lengths):
        return None
    labels, rows, lengths = found
    again = (labels[1:] == labels[:-1]) & (rows[1:] == rows[:-1]) & (labels[1:] != NONE)
    needed = lengths.float().index_add(0, rows[1:], again.float())
    return PendingFrames(pack.add(needed), frames, given, bool(saved(node, "zero_infinity")))
