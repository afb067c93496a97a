"""A stack of linear layers is one linear map, whatever accuracy it happens to reach."""

from dataclasses import replace

import numpy as np
import torch

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import below, reported
from lifesigns.lab import Member, train_population
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.data import load
from lifesigns.report.figures import lines

DEPTHS = (1, 2, 3, 5)


def experiment(effort: Effort) -> Result:
    """The function of a stack against its product matrix, and what training makes of stacks."""
    torch.manual_seed(0)
    error = max(_distance_from_product(depth) for depth in DEPTHS)
    digits, seeds, steps = load("digits"), effort.of(8, 3), effort.of(600, 200)
    finals, rows = {}, []
    for depth in DEPTHS:
        recipe = Recipe(MLP(64, (64,) * (depth - 1), 10, activation=None), "cross_entropy", 0.05)
        members = [Member(replace(recipe), seed) for seed in range(seeds)]
        history = train_population(members, digits, steps)
        curve = history.measures["accuracy"]
        finals[depth] = curve[-1]
        rows += [
            {
                "step": int(step),
                "accuracy": float(row.mean()),
                "low": float(row.min()),
                "high": float(row.max()),
                "layers": f"{depth} linear",
            }
            for step, row in zip(history.steps, curve, strict=True)
        ]
    return Result(
        (
            below("largest distance of a stack from its product matrix", error, 1e-12),
            reported("accuracy on digits, 1 linear layer", finals[1]),
            reported("accuracy on digits, 5 linear layers", finals[5]),
        ),
        f"Up to 5 linear layers differ from one product matrix by {error:.0e}, which is rounding: "
        f"they express nothing more. Their accuracies still differ ({np.mean(finals[1]):.3f} for "
        f"one layer, {np.mean(finals[5]):.3f} for five at the same rate), because descent takes "
        "other ways through the same functions.",
        lines(
            rows,
            "step",
            "accuracy",
            by="layers",
            low="low",
            high="high",
            title="Stacks of linear layers on digits",
            subtitle="the same functions, other optimisation; band: range of the seeds",
        ),
        seeds=seeds,
    )


def _distance_from_product(depth: int) -> float:
    widths = (6, *(9,) * (depth - 1), 4)
    model = MLP(6, widths[1:-1], 4, activation=None).build().double()
    x = torch.randn(500, 6, dtype=torch.float64)
    matrix, offset = torch.eye(6, dtype=torch.float64), torch.zeros(6, dtype=torch.float64)
    with torch.no_grad():
        for weight, bias in zip(*[iter(model.parameters())] * 2, strict=True):
            matrix, offset = weight @ matrix, weight @ offset + bias
        return float((model(x) - (x @ matrix.T + offset)).abs().max())


CLAIM = Claim(
    name="linear-stack",
    sentences=("straight-boundary",),
    text="Stacking linear layers stays linear.",
    source="textbook",
    published="five linear layers reached .912 on digits against .880 for one, so accuracy is no "
    "judge of it",
    kind=Kind.EXACT,
    experiment=experiment,
)
