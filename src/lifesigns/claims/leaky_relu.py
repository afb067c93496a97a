"""Leaky ReLU answers dead units; whether its results are less stable is measured."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import near, reported
from lifesigns.claims._training import curve_rows, over_seeds
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.data import load
from lifesigns.records import Floats
from lifesigns.report.figures import Spec, lines

RATES = (0.01, 0.03, 0.1)


def experiment(effort: Effort) -> Result:
    """Dead share and spread over seeds of both, at a modest, a high and a wild rate."""
    digits, seeds, steps = load("digits"), effort.of(16, 6), effort.of(500, 200)
    histories, finals, dead = {}, {}, {}
    for name in ("relu", "leaky_relu"):
        for rate in RATES:
            network = MLP(64, (32, 32), 10, name, initialiser="he_normal")
            recipe = Recipe(network, "cross_entropy", rate)
            history = over_seeds(replace(recipe, momentum=0.9), digits, seeds, steps)
            histories[name] = history
            finals[name, rate] = history.measures["accuracy"][-1]
            dead[name, rate] = history.measures["dead_fraction"][-1]
    wild = RATES[-1]
    spread = {name: float(np.std(finals[name, wild], ddof=1)) for name in ("relu", "leaky_relu")}
    lost = finals["leaky_relu", wild] - finals["relu", wild]
    return Result(
        (
            near(
                "largest dead share of leaky ReLU at any rate",
                max(float(np.nanmax(dead["leaky_relu", rate])) for rate in RATES),
                0,
                0,
            ),
            reported("dead share of ReLU at the wild rate", dead["relu", wild]),
            reported("accuracy, leaky minus ReLU at the wild rate", lost),
            reported(
                "spread over seeds, leaky over ReLU", [spread["leaky_relu"] / spread["relu"]] * 2
            ),
        ),
        f"No unit of leaky ReLU is ever without a gradient, where ReLU loses "
        f"{np.nanmean(dead['relu', wild]):.0%} at a rate of {wild:g} with momentum. Its accuracy "
        f"there spreads by {spread['leaky_relu']:.3f} over the seeds, ReLU's by "
        f"{spread['relu']:.3f}: the slope rescues units, not a rate that is too high.",
        lines(
            curve_rows(histories, "accuracy", "accuracy"),
            "step",
            "accuracy",
            by="network",
            low="low",
            high="high",
            title="ReLU and leaky ReLU on digits",
            subtitle=f"rate {wild:g} with momentum",
        ),
        (_dead_shares(dead),),
        seeds=seeds,
    )


def _dead_shares(dead: Mapping[tuple[str, float], Floats]) -> Spec:
    rows = [
        {"learning rate": rate, "dead share": float(np.nanmean(shares)), "activation": name}
        for (name, rate), shares in dead.items()
    ]
    return lines(
        rows,
        "learning rate",
        "dead share",
        by="activation",
        title="Hidden units without a gradient",
        subtitle="mean over the seeds",
        logarithmic_x=True,
        points=True,
    )


CLAIM = Claim(
    name="leaky-relu",
    sentences=("leaky-relu",),
    text="Leaky ReLU answers dead units; its results are not always stable.",
    source="textbook; Maas et al. 2013",
    published="no numbers given",
    kind=Kind.STATISTICAL,
    experiment=experiment,
)
