"""With outputs that do not saturate squared error keeps its value."""

from dataclasses import replace

import numpy as np
import torch

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import mean_above, mean_within
from lifesigns.claims._training import curve_rows, over_seeds
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.data import Split, load
from lifesigns.report.figures import lines


def experiment(effort: Effort) -> Result:
    """Linear regression on diabetes against least squares, and the same unit with a sigmoid."""
    diabetes, seeds, steps = load("diabetes"), effort.of(8, 4), effort.of(600, 200)
    recipe = Recipe(MLP(10, (), 1), "squared_error", 0.01)
    squashed = replace(recipe, network=MLP(10, (), 1, output_activation="sigmoid"))
    histories = {
        "linear output": over_seeds(recipe, diabetes, seeds, steps),
        "sigmoid output": over_seeds(squashed, diabetes, seeds, steps),
    }
    finals = {name: history.measures["r2"][-1] for name, history in histories.items()}
    gap = finals["linear output"] - finals["sigmoid output"]
    best = _least_squares(diabetes)
    return Result(
        (
            mean_within("variance explained, of held-out", finals["linear output"], best, 0.03),
            mean_above("linear minus sigmoid output, same seeds", gap, 0.1),
        ),
        f"With a linear output descent on squared error explains "
        f"{np.mean(finals['linear output']):.3f} of the variance on held-out patients, where the "
        f"exact solution has {best:.3f}, and with a sigmoid {np.mean(finals['sigmoid output']):.3f}"
        ". Its gradient is then the error itself, and the targets are within reach; half of the "
        "standardised ones are negative, where no sigmoid gets.",
        lines(
            curve_rows(histories, "r2", "variance explained"),
            "step",
            "variance explained",
            by="network",
            low="low",
            high="high",
            title="Squared error on a regression (diabetes)",
        ),
        seeds=seeds,
    )


def _least_squares(data: Split) -> float:
    """Share of the held-out variance that the exact solution explains."""
    x, x_test = (torch.nn.functional.pad(x.double(), (0, 1), value=1.0)
                 for x in (data.inputs, data.test_inputs))  # fmt: skip
    y, y_test = data.targets.double(), data.test_targets.double()
    rest = y_test - x_test @ torch.linalg.lstsq(x, y).solution
    return float(1 - rest.square().sum() / (y_test - y_test.mean(0)).square().sum())


CLAIM = Claim(
    name="squared-error-linear",
    sentences=("squared-error-linear",),
    text="With non-saturating outputs squared error keeps its value.",
    source="textbook",
    published="no numbers given",
    kind=Kind.STATISTICAL,
    experiment=experiment,
)
