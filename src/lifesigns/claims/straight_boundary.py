"""A linear classifier separates by a straight line; an activation bends it."""

import numpy as np
import torch

from lifesigns.claims._boundary import boundary_map, fitted
from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import above, below
from lifesigns.nets import MLP
from lifesigns.nets.data import load
from lifesigns.report.figures import grid


def experiment(effort: Effort) -> Result:
    """How far the zero line of the trained score is from straight, for a linear map and an MLP."""
    moons, steps = load("moons"), effort.of(1500, 400)
    linear = fitted(MLP(2, (), 2), moons, 0.1, steps)
    bent = fitted(MLP(2, (16, 16), 2, activation="tanh"), moons, 0.3, steps)
    stack = fitted(MLP(2, (16,) * 4, 2, activation=None), moons, 0.03, steps)
    unit = fitted(MLP(2, (1,), 2, activation="sigmoid"), moons, 0.3, steps)
    bends = [_bend(model) for model in (linear, bent)]
    return Result(
        (
            below("largest second difference of a linear classifier's score", bends[0], 1e-4),
            above("the same for two tanh layers", bends[1], 0.01),
        ),
        f"Along any straight path the linear classifier's score changes evenly, to "
        f"{bends[0]:.0e}, so the place where it is 0 is a straight line. Two layers of tanh bend "
        f"it by {bends[1]:.2g}, which is what separates the moons.",
        grid(
            [
                boundary_map(model, moons, title)
                for title, model in (
                    ("linear classifier", linear),
                    ("five linear layers", stack),
                    ("one sigmoid unit", unit),
                    ("two layers of tanh", bent),
                )
            ],
            columns=2,
            title="Boundaries on two moons",
            subtitle="probability of class 1 after training",
        ),
    )


def _bend(model: torch.nn.Module) -> float:
    random = torch.Generator().manual_seed(0)
    ends = 2 * torch.randn(2, 200, 2, generator=random)
    share = torch.linspace(0, 1, 41).view(-1, 1, 1)
    with torch.no_grad():
        out = model(ends[0] + share * (ends[1] - ends[0]))
    score = (out[..., 1] - out[..., 0]).double().numpy()
    return float(np.abs(np.diff(score, 2, axis=0)).max())


CLAIM = Claim(
    name="straight-boundary",
    sentences=("straight-boundary",),
    text="A linear classifier draws a straight boundary.",
    source="textbook",
    published="pictures only",
    kind=Kind.DETERMINISTIC,
    experiment=experiment,
)
