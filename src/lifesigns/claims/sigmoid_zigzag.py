"""The sigmoid is not centred at 0: weight gradients of one sign, a longer way; the lesser evil."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import mean_above, near, reported
from lifesigns.claims._training import interval_rows
from lifesigns.claims._watched import watched
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.data import load
from lifesigns.report.figures import intervals

NAMES = ("sigmoid", "shifted sigmoid", "tanh")


class _Shifted(nn.Module):
    """σ(z) - ½: the sigmoid with its output centred at 0, as steep as before."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """The value at z."""
        return torch.sigmoid(z) - 0.5


def experiment(effort: Effort) -> Result:
    """Sign coherence of the second layer's gradients, and the way to a loss of 0.5 on digits."""
    seeds, steps = effort.of(8, 3), effort.of(1500, 600)
    coherence = {
        name: np.array([_coherence(name, seed) for seed in range(seeds)])
        for name in ("sigmoid", "tanh")
    }
    ways = {name: np.array([_way(name, seed, steps) for seed in range(seeds)]) for name in NAMES}
    gap = coherence["sigmoid"] - coherence["tanh"]
    longer = ways["sigmoid"] / ways["shifted sigmoid"]
    return Result(
        (
            near(
                "sign coherence for a single sample, sigmoid", _coherence("sigmoid", 0, 1), 1, 1e-5
            ),
            mean_above("sign coherence over a batch, sigmoid", coherence["sigmoid"], 0.5),
            mean_above("sigmoid minus tanh, same seeds", gap, 0.1),
            mean_above("way of the weights, sigmoid over shifted sigmoid", longer, 1.0),
            reported("sign coherence over a batch, tanh", coherence["tanh"]),
            *(reported(f"way of the weights, {name}", way) for name, way in ways.items()),
        ),
        f"Behind sigmoids a sample moves all weights of a unit the same way; over a batch "
        f"{coherence['sigmoid'].mean():.0%} of the gradient still points one way, behind tanh "
        f"{coherence['tanh'].mean():.0%}. To the same loss the weights travel "
        f"{longer.mean():.2f} times as far as with the same sigmoid centred at 0.",
        intervals(
            interval_rows(ways.items(), "way of the weights to a loss of 0.5"),
            "way of the weights to a loss of 0.5",
            "low",
            "high",
            label="what",
            title="Length of the path through weight space",
        ),
        seeds=seeds,
    )


def _coherence(activation: str, seed: int, batch_size: int = 32) -> float:
    network = MLP(64, (32, 32), 10, activation, initialiser="glorot_uniform")
    recipe = Recipe(network, "cross_entropy", 0.1, batch_size=batch_size)
    trace = watched(recipe, load("digits"), steps=5, seed=seed)
    second = [
        reading.sign_coherence
        for snapshot in trace.snapshots
        for reading in snapshot.parameters
        if reading.name == "2.weight"
    ]
    return float(np.mean(second))


def _way(name: str, seed: int, steps: int) -> float:
    """Sum of the lengths of all updates until the smoothed loss is below 0.5; at most `steps`."""
    digits = load("digits")
    activation = {"shifted sigmoid": "sigmoid"}.get(name, name)
    network = MLP(64, (32, 32), 10, activation, initialiser="glorot_uniform")
    recipe = replace(Recipe(network, "cross_entropy", 0.3))
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        model = recipe.network.build()
    if name == "shifted sigmoid":
        model[1], model[3] = _Shifted(), _Shifted()  # type: ignore[operator]
    order = torch.Generator().manual_seed(seed)
    parameters = list(model.parameters())
    way, smooth = 0.0, 3.0
    for _ in range(steps):
        rows = torch.randint(len(digits.inputs), (64,), generator=order)
        loss = nn.functional.cross_entropy(model(digits.inputs[rows]), digits.targets[rows])
        gradients = torch.autograd.grad(loss, parameters)
        length = torch.sqrt(sum(g.square().sum() for g in gradients))  # type: ignore[arg-type]
        way += recipe.learning_rate * float(length)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(recipe.learning_rate * gradient)
        smooth = 0.9 * smooth + 0.1 * float(loss.detach())
        if smooth < 0.5:
            break
    return way


CLAIM = Claim(
    name="sigmoid-zigzag",
    sentences=("sigmoid-not-centred",),
    text="Behind sigmoids the gradients of a unit's weights share one sign, and descent zig-zags.",
    source="textbook; LeCun et al. 1998, Efficient BackProp; rule ACT004",
    published="no numbers given",
    kind=Kind.STATISTICAL,
    experiment=experiment,
)
