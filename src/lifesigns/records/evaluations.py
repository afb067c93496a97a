"""Passes of a trained network that train nothing: how it was evaluated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifesigns.records.units import Floats, Ints, UnitSums

MOST_FEATURES = 1024
"""Features whose scale is kept, evenly spread."""
ROUNDING = 1e-4
"""How far a mean may be from 0, and a spread from 1, where numbers were standardised by their own:
float32 leaves 1e-6. By chance two columns of 100,000 samples do in one table of a million."""
BEYOND = 1.05
"""Where the farthest value lies at least: two levels, -1 and 1, may be as frequent by design."""


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


@dataclass(frozen=True)
class OwnScale:
    """How many columns of a table have their own mean at 0 and their own spread at 1."""

    columns: int
    """Such columns."""
    varied: int
    """Columns that are no constant."""


def standardised(sums: UnitSums) -> NDArray[np.bool_]:
    """Which columns were scaled by their own mean and deviation, of shape `[columns]`.

    The deviation may be that of the sample or of the population.

    Args:
        sums: Of all rows of a table.

    Example:
        >>> x = np.array([[3.0, 0.0], [5.0, 1.0], [10.0, 2.0]])
        >>> standardised(UnitSums.of((x - x.mean(0)) / x.std(0) + [0, 0.1])).tolist()
        [True, False]
    """
    count = np.maximum(sums.count, 2)
    spread = sums.variance * (sums.count > 1)
    is_one = [
        np.abs(np.sqrt(square) - 1) <= ROUNDING for square in (spread, spread * count / (count - 1))
    ]
    far = np.maximum(sums.maximum, -sums.minimum) > BEYOND
    found: NDArray[np.bool_] = (np.abs(sums.mean) <= ROUNDING) & (is_one[0] | is_one[1]) & far
    return found


def own_scale(sums: UnitSums) -> OwnScale:
    """How many columns were.

    Args:
        sums: Of all rows of a table.
    """
    return OwnScale(int(standardised(sums).sum()), int((sums.span > 0).sum()))


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
    own_scale: OwnScale | None = None
    """Of a whole table of which no row is one that was trained on; None where that is not known."""
