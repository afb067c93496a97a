"""One hidden layer approximates a continuous function as closely as wanted; a polynomial does not.

The kinks of the hidden layer are spaced evenly and only its output weights are solved for, by least
squares, so that the error shows what the functions can express and not what descent finds.
"""

import numpy as np

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import above, stated
from lifesigns.records import Floats
from lifesigns.report.figures import lines

WIDTHS = (2, 4, 8, 16, 32, 64, 128, 256, 512)
FUNCTIONS = {
    "ReLU": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "cubic polynomial": lambda z: z + 0.3 * z**2 + 0.1 * z**3,
}
X = np.linspace(-3, 3, 2001)
TARGET = np.sin(2 * X) + 0.5 * np.abs(X) - np.exp(-4 * (X - 1) ** 2)


def experiment(effort: Effort) -> Result:
    """Largest error over the interval against width; the same knots for every activation."""
    errors = {name: [_error(f, width) for width in WIDTHS] for name, f in FUNCTIONS.items()}
    rows = [
        {"hidden units": width, "largest error": error, "activation": name}
        for name, column in errors.items()
        for width, error in zip(WIDTHS, column, strict=True)
    ]
    gains = {name: column[0] / column[-1] for name, column in errors.items()}
    stuck = errors["cubic polynomial"][-1]
    return Result(
        (
            above("ReLU: error at 2 units over error at 512", gains["ReLU"], 50),
            above("tanh: error at 2 units over error at 512", gains["tanh"], 50),
            above("sigmoid: error at 2 units over error at 512", gains["sigmoid"], 50),
            above("error of a polynomial activation at 512 units", stuck, 0.2),
            *(
                stated(f"{name}: error at {width} units", errors[name][WIDTHS.index(width)])
                for name in ("ReLU", "tanh", "sigmoid")
                for width in (2, 32, 512)
            ),
        ),
        f"From 2 to 512 units the largest error falls from {errors['ReLU'][0]:.2f} to "
        f"{errors['ReLU'][-1]:.4f} with ReLU and from {errors['tanh'][0]:.2f} to "
        f"{errors['tanh'][-1]:.4f} with tanh. A polynomial activation stays at {stuck:.2f}: sums "
        "of cubics are cubics, however many (Leshno et al. 1993).",
        lines(
            rows,
            "hidden units",
            "largest error",
            by="activation",
            title="Approximation error of one hidden layer",
            logarithmic_x=True,
            logarithmic_y=True,
            points=True,
        ),
    )


def _error(function: object, width: int) -> float:
    knots = np.linspace(-3.2, 3.2, width)
    steepness = max(1.0, width / 8)
    hidden = function(steepness * (X[:, None] - knots))  # type: ignore[operator]
    design = np.column_stack((hidden / max(1.0, np.abs(hidden).max()), np.ones_like(X), X * 0))
    return float(np.abs(_least_squares(design) - TARGET).max())


def _least_squares(design: Floats) -> Floats:
    weights, *_ = np.linalg.lstsq(design, TARGET, rcond=1e-12)
    fitted: Floats = design @ weights
    return fitted


CLAIM = Claim(
    name="universal-approximation",
    sentences=("universal-approximation",),
    text="One hidden layer approximates a function as closely as wanted if it is wide enough.",
    source="textbook; Cybenko 1989, Hornik 1991; Leshno et al. 1993 on polynomials",
    published="max error 1.62 to .003 (ReLU) and 1.07 to .007 (tanh) from 2 to 512 units",
    kind=Kind.DETERMINISTIC,
    experiment=experiment,
)
