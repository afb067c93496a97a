"""What a loss does within the epochs of a loader, told from what it does between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifesigns.evidence.stream import Stream
from lifesigns.evidence.thresholds import Threshold
from lifesigns.records import Loader

STEPS = Threshold(8, "steps of an epoch", "a line through them has an error")
EPOCHS = Threshold(4, "times that each sample was seen", "epochs: three boundaries between them")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Epochs:
    """The losses of a training in whole epochs, shape `[epochs, steps of one]`, all finite."""

    losses: Floats

    @property
    def means(self) -> Floats:
        """The mean loss of each epoch."""
        means: Floats = self.losses.mean(axis=1)
        return means

    @property
    def fall(self) -> float:
        """How far the mean fell from the first epoch to the last."""
        return float(self.means[0] - self.means[-1])

    def until(self, share: float, least: int) -> Epochs:
        """The first epochs, until the mean has fallen by this share of its whole fall.

        Args:
            share: Of `fall`, which is above 0.
            least: Epochs that are taken at any rate.
        """
        there = int(np.argmax(self.means <= self.means[0] - share * self.fall))
        return Epochs(self.losses[: max(there + 1, least)])

    @property
    def falls(self) -> Floats:
        """How far the loss fell within each epoch, from its straight line of least squares."""
        falls: Floats = -self._slopes * self.losses.shape[1]
        return falls

    @property
    def share_within(self) -> float:
        """The share of `fall` that happened within epochs: of the first and the last, half."""
        falls = self.falls
        return float(falls.sum() - (falls[0] + falls[-1]) / 2) / self.fall

    @property
    def error(self) -> float:
        """Standard error of `share_within`, from the scatter around the lines."""
        count = self.losses.shape[1]
        variances = (self._residuals**2).sum(axis=1) / (count - 2)
        return float(np.sqrt(variances.sum() * count**2 / (self._places**2).sum())) / self.fall

    @property
    def order(self) -> float:
        """Correlation of the scatter of one epoch and the next: high if each has the same order."""
        one, other = self._residuals[:-1].ravel(), self._residuals[1:].ravel()
        scale = float(np.sqrt((one**2).sum() * (other**2).sum()))
        return float(one @ other) / scale if scale > 0 else 0.0

    @property
    def _places(self) -> Floats:
        steps = np.arange(self.losses.shape[1], dtype=np.float64)
        places: Floats = steps - steps.mean()
        return places

    @property
    def _slopes(self) -> Floats:
        slopes: Floats = self.losses @ self._places / (self._places**2).sum()
        return slopes

    @property
    def _residuals(self) -> Floats:
        lines = self.means[:, None] + np.outer(self._slopes, self._places)
        residuals: Floats = self.losses - lines
        return residuals


def epochs_of(stream: Stream, loader: Loader) -> Epochs | None:
    """The losses by epoch, if a loader was gone through from the first step to the last.

    It may be gone through for an evaluation as well, between two epochs and behind the last.

    Args:
        stream: The losses.
        loader: One of the run.
    """
    losses = stream.losses
    if not loader.batch or loader.weights or stream.trace.steps != len(losses):
        return None  # of several passes for one step, all but the first repeat it
    for steps in (-(-loader.samples // loader.batch), loader.samples // loader.batch):
        begun = -(-len(losses) // max(steps, 1))
        is_whole = begun in (loader.steps, loader.steps - 1)
        if is_whole and steps >= STEPS and len(losses) >= EPOCHS * steps:
            count = len(losses) // steps
            made = losses[: count * steps].reshape(count, steps)
            return Epochs(made) if np.isfinite(made).all() else None
    return None
