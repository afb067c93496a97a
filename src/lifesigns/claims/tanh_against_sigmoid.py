"""tanh is centred at 0 and learns faster than the sigmoid; it saturates as well."""

from dataclasses import replace

import numpy as np

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import mean_above, near
from lifesigns.claims._training import best_rate, curve_rows, over_seeds
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.data import load
from lifesigns.report.figures import lines

RATES = (0.03, 0.1, 0.3, 1.0)
EARLY = 3
"""Which measurement of the curve counts as early; about a sixth of the run."""


def experiment(effort: Effort) -> Result:
    """The same network of three hidden layers under three activations, rates tuned separately."""
    digits, seeds, steps = load("digits"), effort.of(8, 4), effort.of(600, 300)
    histories = {}
    for name in ("sigmoid", "tanh", "relu"):
        network = MLP(64, (32, 32, 32), 10, name, initialiser="glorot_uniform")
        recipe = Recipe(network, "cross_entropy")
        rate, _ = best_rate(recipe, digits, RATES, 3, steps)
        histories[name] = over_seeds(replace(recipe, learning_rate=rate), digits, seeds, steps)
    accuracy = {name: history.measures["accuracy"] for name, history in histories.items()}
    early = accuracy["tanh"][EARLY] - accuracy["sigmoid"][EARLY]
    z = np.linspace(-50, 50, 100_001)
    mean = float(np.trapezoid(np.tanh(z) * np.exp(-z * z / 2), z))
    return Result(
        (
            near("mean of tanh under a standard normal", mean, 0, 1e-12),
            mean_above("tanh minus sigmoid early on, same seeds", early, 0.05),
            mean_above("accuracy of tanh at the end", accuracy["tanh"][-1], 0.93),
            near("slope of tanh at z = 5, of its largest", 1 - np.tanh(5.0) ** 2, 0, 0.01),
        ),
        f"After {histories['tanh'].steps[EARLY]} steps tanh is at "
        f"{accuracy['tanh'][EARLY].mean():.3f} and the sigmoid at "
        f"{accuracy['sigmoid'][EARLY].mean():.3f}, each at its own best rate. In the end they are "
        f"at {accuracy['tanh'][-1].mean():.3f} and {accuracy['sigmoid'][-1].mean():.3f}; at z = 5 "
        f"tanh's slope is down to {1 - np.tanh(5.0) ** 2:.0e}, so it saturates as well.",
        lines(
            curve_rows(histories, "accuracy", "accuracy"),
            "step",
            "accuracy",
            by="network",
            low="low",
            high="high",
            title="Three hidden layers on digits, rates tuned separately",
        ),
        seeds=seeds,
    )


CLAIM = Claim(
    name="tanh-against-sigmoid",
    sentences=("tanh",),
    text="tanh is zero-centred and better than the sigmoid; it also saturates.",
    source="textbook; LeCun et al. 1998",
    published="no numbers given",
    kind=Kind.STATISTICAL,
    experiment=experiment,
)
