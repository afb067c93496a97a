"""With a hidden layer of sigmoids zero weights keep the units equal; something is still learnt."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import below, mean_below, reported
from lifesigns.claims._training import curve_rows, over_seeds
from lifesigns.nets import MLP, Recipe, train
from lifesigns.nets.data import load
from lifesigns.report.figures import grid, lines, raster

WIDTH, STEPS = 32, 50


def experiment(effort: Effort) -> Result:
    """One hidden layer of sigmoids from zero and from Glorot's weights on digits."""
    digits, seeds, steps = load("digits"), effort.of(8, 4), effort.of(1500, 400)
    network = MLP(64, (WIDTH,), 10, activation="sigmoid", initialiser="glorot_uniform")
    recipe = Recipe(network, "cross_entropy", 0.5)
    zero = replace(recipe, network=replace(network, initialiser="zeros"))
    histories = {
        "from zero": over_seeds(zero, digits, seeds, steps),
        "from Glorot's weights": over_seeds(recipe, digits, seeds, steps),
    }
    finals = {name: history.measures["accuracy"][-1] for name, history in histories.items()}
    weights = {name: _hidden_weights(start) for name, start in (("zero", zero), ("Glorot", recipe))}
    spread = _spread(weights["zero"])
    lost = finals["from zero"] - finals["from Glorot's weights"]
    return Result(
        (
            below("spread of the hidden units after 50 steps, in their size", spread, 1e-3),
            mean_below("zero minus Glorot, same seeds", lost, -0.1),
            reported("accuracy from zero", finals["from zero"]),
            reported("accuracy from Glorot's weights", finals["from Glorot's weights"]),
        ),
        f"After {STEPS} steps the {WIDTH} hidden units still differ by {spread:.1e} of their size: "
        f"they get the same gradient and act as one. It still learns something, "
        f"{np.mean(finals['from zero']):.3f} against "
        f"{np.mean(finals[list(finals)[1]]):.3f} from random weights.",
        lines(
            curve_rows(histories, "accuracy", "accuracy"),
            "step",
            "accuracy",
            by="network",
            low="low",
            high="high",
            title="A hidden layer of sigmoids on digits",
        ),
        (
            grid(
                [
                    raster(
                        weight.double().numpy(),
                        (0, 64, 0, WIDTH),
                        title=f"from {name}",
                        x="weight from pixel",
                        y="hidden unit",
                    )
                    for name, weight in weights.items()
                ],
                columns=2,
                title=f"Weights of the hidden units after {STEPS} steps",
                subtitle="from blue (lowest) to orange (highest); from zero all rows are the same",
            ),
        ),
        seeds=seeds,
    )


def _hidden_weights(recipe: Recipe) -> Tensor:
    """Weights of the hidden layer after `STEPS` steps, shape `[WIDTH, 64]`."""
    digits = load("digits")
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        model = recipe.network.build()
    optimizer = recipe.make_optimizer(model.parameters())
    losses = train(recipe, model, optimizer, digits.inputs, digits.targets)
    for _ in range(STEPS):
        next(losses)
    return next(model.parameters()).detach()


def _spread(weight: Tensor) -> float:
    """Largest deviation of a unit's weights from the layer's mean unit, over their RMS."""
    return float((weight - weight.mean(0)).abs().max() / weight.square().mean().sqrt())


CLAIM = Claim(
    name="zero-start-sigmoid",
    sentences=("zero-sigmoid",),
    text="With a hidden layer and sigmoid zero initialisation fails by symmetry.",
    source="textbook",
    published="units stay identical; .431 with two hidden layers and .690 with one were reached "
    "all the same",
    kind=Kind.STATISTICAL,
    experiment=experiment,
    correction="It does not fail entirely: the units learn, but all the same thing.",
)
