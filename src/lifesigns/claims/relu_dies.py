"""With a rate too high ReLU units die: the dead share against the rate."""

import numpy as np

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import above, mean_above, near, reported
from lifesigns.claims._watched import alarms
from lifesigns.lab import Member, train_population
from lifesigns.lab.results.statistics import Interval
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.data import load
from lifesigns.report.figures import lines

RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
PUBLISHED = (0.012, 0.039, 0.148, 0.368, 0.725)


def experiment(effort: Effort) -> Result:
    """Adam on Fashion-MNIST at five rates, and rule ACT001 on digits; NaN runs are left out."""
    data, seeds, steps = load("fashion_mnist"), effort.of(8, 3), effort.of(400, 150)
    network = MLP(784, (100, 100), 10)
    members = [
        Member(Recipe(network, "cross_entropy", rate, batch_size=64, optimizer="adam"), seed)
        for rate in RATES
        for seed in range(seeds)
    ]
    history = train_population(members, data, steps, measured_at=[steps])
    final = np.where(history.diverged >= 0, np.nan, history.measures["dead_fraction"][-1])
    dead = final.reshape(len(RATES), seeds)
    means = np.nanmean(dead, 1)
    rows = []
    for rate, row in zip(RATES, dead, strict=True):
        interval = Interval.of(row[np.isfinite(row)])
        rows.append(
            {
                "learning rate": rate,
                "dead share": interval.mean,
                "low": max(interval.low, 0),
                "high": min(interval.high, 1),
                "layers": "784-100-100-10",
            }
        )
    network = MLP(64, (64, 64), 10)
    wild, calm = (
        "dead-units"
        in alarms(
            Recipe(network, "cross_entropy", rate, optimizer="adam"), load("digits"), steps=150
        )
        for rate in (0.3, 0.003)
    )
    return Result(
        (
            above("smallest rise from one rate to the next", float(np.diff(means).min()), 0),
            reported("dead share at a rate of 0.01", dead[2][np.isfinite(dead[2])]),
            mean_above("dead share at a rate of 0.03", dead[3][np.isfinite(dead[3])], 0.3),
            mean_above("dead share at a rate of 0.1", dead[4][np.isfinite(dead[4])], 0.3),
            near("ACT001 fires at a rate of 0.3 on digits", float(wild), 1, 0),
            near("ACT001 fires at a rate of 0.003 on digits", float(calm), 0, 0),
        ),
        f"From a rate of {RATES[0]} to {RATES[-1]} the dead share of the hidden units grows from "
        f"{means[0]:.1%} to {means[-1]:.1%}. A unit that one large step has pushed below 0 for "
        "every sample gets no gradient that could bring it back.",
        lines(
            rows,
            "learning rate",
            "dead share",
            by="layers",
            low="low",
            high="high",
            title="ReLU units that died",
            subtitle=f"Fashion-MNIST, Adam, {steps} steps",
            logarithmic_x=True,
            points=True,
        ),
        seeds=seeds,
    )


CLAIM = Claim(
    name="relu-dies",
    sentences=("relu-dies",),
    text="With a rate too high ReLU units die; watch their share.",
    source="textbook; CS231n (up to 40 %); rule ACT001",
    published="1.2, 3.9, 14.8, 36.8, 72.5 % at rates from .001 to .1, one run each",
    kind=Kind.STATISTICAL,
    experiment=experiment,
)
