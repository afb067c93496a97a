"""Cross-entropy and squared error are both positive and 0 on target."""

import numpy as np

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import above, below
from lifesigns.report.figures import lines

GRID = np.linspace(1e-6, 1 - 1e-6, 2001)


def experiment(effort: Effort) -> Result:
    """Both losses and their slopes in z on a grid of outputs, target 1."""
    entropy, squares = -np.log(GRID), 0.5 * (1 - GRID) ** 2
    entropy_slope = 1 - GRID
    squares_slope = (1 - GRID) * GRID * (1 - GRID)
    rows = [
        {"output (target 1)": float(a), "|∂C/∂z|": float(g), "loss": name}
        for name, slope in (("cross-entropy", entropy_slope), ("squared error", squares_slope))
        for a, g in list(zip(GRID, slope, strict=True))[::20]
    ]
    return Result(
        (
            above("least cross-entropy off target", entropy[:-1].min(), 0),
            above("least squared error off target", squares[:-1].min(), 0),
            below("cross-entropy on target", entropy[-1], 1e-5),
            below("squared error on target", squares[-1], 1e-5),
            above("slope of cross-entropy where most wrong", entropy_slope[0], 0.999),
            below("slope of squared error where most wrong", squares_slope[0], 1e-5),
        ),
        f"Both losses are positive off target and fall to {max(entropy[-1], squares[-1]):.0e} on "
        f"it, so these properties choose neither. What differs is the slope where the unit is most "
        f"wrong: {entropy_slope[0]:.3f} for cross-entropy, {squares_slope[0]:.1e} for squared "
        "error.",
        lines(
            rows,
            "output (target 1)",
            "|∂C/∂z|",
            by="loss",
            title="What reaches the weights, by how wrong the unit is",
        ),
    )


CLAIM = Claim(
    name="losses-are-positive",
    sentences=("losses-positive",),
    text="Cross-entropy and squared error are both positive and fall to 0 on target.",
    source="textbook",
    published="no numbers given",
    kind=Kind.EXACT,
    experiment=experiment,
)
