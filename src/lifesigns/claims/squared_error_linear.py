"""With outputs that do not saturate squared error keeps its value."""

from dataclasses import replace

import numpy as np

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import mean_above, mean_below
from lifesigns.claims._training import curve_rows, over_seeds
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.data import load
from lifesigns.report.figures import lines


def experiment(effort: Effort) -> Result:
    """Regression on diabetes: a linear output and a sigmoid output, both under squared error."""
    diabetes, seeds, steps = load("diabetes"), effort.of(8, 4), effort.of(600, 200)
    network = MLP(10, (16,), 1, activation="tanh")
    recipe = Recipe(network, "squared_error", 0.02)
    squashed = replace(recipe, network=replace(network, output_activation="sigmoid"))
    histories = {
        "linear output": over_seeds(recipe, diabetes, seeds, steps),
        "sigmoid output": over_seeds(squashed, diabetes, seeds, steps),
    }
    finals = {name: history.measures["r2"][-1] for name, history in histories.items()}
    gap = finals["linear output"] - finals["sigmoid output"]
    return Result(
        (
            mean_above("variance explained with a linear output", finals["linear output"], 0.3),
            mean_above("linear minus sigmoid output, same seeds", gap, 0.1),
            mean_below("variance explained with a sigmoid", finals["sigmoid output"], 0.35),
        ),
        f"With a linear output squared error explains {np.mean(finals['linear output']):.2f} of "
        f"the variance on held-out patients, with a sigmoid {np.mean(finals['sigmoid output']):.2f}"
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


CLAIM = Claim(
    name="squared-error-linear",
    sentences=("squared-error-linear",),
    text="With non-saturating outputs squared error keeps its value.",
    source="textbook",
    published="no numbers given",
    kind=Kind.STATISTICAL,
    experiment=experiment,
)
