"""Passes of a trained network that train nothing: how it was evaluated."""

from __future__ import annotations

from dataclasses import dataclass

from lifesigns.records.units import Floats, Ints

MOST_FEATURES = 1024
"""Features whose scale is kept, evenly spread."""


@dataclass(frozen=True, eq=False)
class Scales:
    """Mean and spread of the features of a batch, both of shape `[features]`."""

    count: int
    """Values of each feature."""
    mean: Floats
    deviation: Floats

    def stride(self, units: int) -> int:
        """Which of `units` features are here: each so many-th.

        Args:
            units: Features of the batch.

        Those of a batch with another number of features are another number, too.

        Example:
            >>> import numpy as np
            >>> Scales(8, np.zeros(700), np.ones(700)).stride(1400)
            2
            >>> Scales(8, np.zeros(1), np.ones(1)).stride(8)
            1
        """
        return -(-units // MOST_FEATURES)


@dataclass(frozen=True, eq=False)
class Answers:
    """What a network answered to samples of known classes."""

    counts: Ints
    """Samples by their label and the answer, of shape `[classes, classes]`."""
    loss: float
    """Mean cross-entropy of a sample."""

    def merge(self, other: Answers) -> Answers:
        """Both together.

        Args:
            other: Of the same classes.
        """
        mine, others = int(self.counts.sum()), int(other.counts.sum())
        loss = (mine * self.loss + others * other.loss) / max(mine + others, 1)
        return Answers(self.counts + other.counts, loss)


@dataclass(frozen=True)
class EvaluationPass:
    """One forward pass of a trained network without gradients, or in evaluation mode."""

    step: int
    """Completed steps of training."""
    place: int = 0
    """Which place in the program it was made from, counted in the order they were first seen."""
    training: bool = False
    """Whether the network was in training mode."""
    samples: int = 0
    """First dimension of what it was given; 0 where that is not known."""
    is_again: bool = False
    """Whether it was given the same tensor as in the pass before; or it dropped units, and what it
    was given came again before the next step."""
    dropouts: tuple[str, ...] = ()
    """Paths of the modules of the network that dropped units."""
    loose: tuple[str, ...] = ()
    """Paths of the modules in which something dropped units that `eval()` does not reach: a
    function, or a module that is no part of the network."""
    norm: str = ""
    """Path of the first batch normalisation that used the statistics of its batch, not its running
    ones."""
    norm_samples: int = 0
    """Samples in that batch."""
    norm_shift: float = float("nan")
    """How far the statistics of that batch lay from the running ones, at the normalisation where
    it was farthest: by how many deviations of the training they move a value, beyond chance, median
    over the units. NaN where none has running statistics of enough steps."""
    shifted_norm: str = ""
    """Path of that normalisation."""
    inputs: Scales | None = None
    """Of what it was given; None where steps of training are not known to be given the same."""
    network: int = 0
    """Which of several networks it was, in the order of their first recorded steps..."""
    given: Scales | None = None
    """... and what that one was given; None where there is one alone, or where recorded steps of
    training are not known to give it the same."""
    answers: Answers | None = None
    """To the labels of a loss that was taken of it; None where none was seen."""
