"""Maxout is an alternative at k times the parameters of its layer."""

from dataclasses import replace

import numpy as np

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import near, reported
from lifesigns.claims._training import best_rate, curve_rows, over_seeds
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.data import load
from lifesigns.nets.mlp import PIECES
from lifesigns.report.figures import lines

RATES = (0.03, 0.1, 0.3)


def experiment(effort: Effort) -> Result:
    """Exact counts of a hidden layer, and accuracy on digits with the rate tuned for each."""
    digits, seeds, steps = load("digits"), effort.of(8, 4), effort.of(600, 200)
    layers = {name: MLP(64, (32,), 10, activation=name) for name in ("relu", "maxout")}
    counts = {name: _hidden_parameters(network) for name, network in layers.items()}
    histories = {}
    for name, network in layers.items():
        recipe = Recipe(network, "cross_entropy")
        rate, _ = best_rate(recipe, digits, RATES, 3, steps)
        histories[name] = over_seeds(replace(recipe, learning_rate=rate), digits, seeds, steps)
    finals = {name: history.measures["accuracy"][-1] for name, history in histories.items()}
    return Result(
        (
            near(
                "parameters of a maxout layer over those of a ReLU layer",
                counts["maxout"] / counts["relu"],
                PIECES,
                0,
            ),
            reported("accuracy with maxout", finals["maxout"]),
            reported("maxout minus ReLU, same seeds", finals["maxout"] - finals["relu"]),
        ),
        f"A hidden layer of 32 maxout units has {counts['maxout']} parameters, exactly {PIECES} "
        f"times the {counts['relu']} of ReLU. On digits it reaches {np.mean(finals['maxout']):.3f} "
        f"against {np.mean(finals['relu']):.3f} at its own best rate, and no unit can die.",
        lines(
            curve_rows(histories, "accuracy", "accuracy"),
            "step",
            "accuracy",
            by="network",
            low="low",
            high="high",
            title="Maxout and ReLU on digits, rates tuned separately",
        ),
        seeds=seeds,
    )


def _hidden_parameters(network: MLP) -> int:
    first, *_ = network.build()
    return sum(parameter.numel() for parameter in first.parameters())


CLAIM = Claim(
    name="maxout-parameters",
    sentences=("maxout",),
    text="Maxout is an alternative that costs k times the parameters.",
    source="textbook; Goodfellow et al. 2013",
    published="k times the parameters of a layer",
    kind=Kind.EXACT,
    experiment=experiment,
)
