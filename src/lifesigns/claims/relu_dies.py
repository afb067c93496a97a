"""With a rate too high ReLU units die: the dead share against the rate."""

from collections.abc import Iterator

import numpy as np

from lifesigns._errors import UsageError
from lifesigns.claims._claim import Claim, Effort, Kind, Measurement, Result
from lifesigns.claims._measured import above, mean_above, near, reported
from lifesigns.claims._watched import alarms
from lifesigns.lab import Member, train_population
from lifesigns.lab.results.statistics import Interval
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.data import Split, load
from lifesigns.records import Floats
from lifesigns.report.figures import Spec, lines

RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
INSTALL = "apt install dataset-fashion-mnist"
"""Of Fashion-MNIST, on Debian and Ubuntu."""


def experiment(effort: Effort) -> Result:
    """Adam at five rates on digits, on Fashion-MNIST where it is installed, and rule ACT001."""
    seeds, steps = effort.of(8, 3), effort.of(400, 150)
    digits = load("digits")
    dead = _dead_shares(digits, seeds, steps)
    clothes = _clothes(seeds, steps)
    means = np.nanmean(dead, 1)
    wild, calm = (_fires(digits, rate) for rate in (0.3, 0.003))
    more = (
        f"On Fashion-MNIST it is {np.nanmean(clothes[-1]):.1%} at the end."
        if clothes is not None
        else f"Fashion-MNIST is not installed here; {INSTALL} adds it to this experiment."
    )
    return Result(
        (
            above("smallest rise from one rate to the next", float(np.diff(means).min()), 0),
            reported("dead share at a rate of 0.01", _finite(dead[2])),
            reported("dead share at a rate of 0.03", _finite(dead[3])),
            mean_above("dead share at a rate of 0.1", _finite(dead[4]), 0.3),
            *_of_clothes(clothes),
            near("ACT001 fires at a rate of 0.3 on digits", float(wild), 1, 0),
            near("ACT001 fires at a rate of 0.003 on digits", float(calm), 0, 0),
        ),
        f"From a rate of {RATES[0]} to {RATES[-1]} the dead share of the hidden units grows from "
        f"{means[0]:.1%} to {means[-1]:.1%}. A unit that one large step has pushed below 0 for "
        f"every sample gets no gradient that could bring it back. {more}",
        _chart(dead, "64-100-100-10", f"handwritten digits, Adam, {steps} steps"),
        (_chart(clothes, "784-100-100-10", f"Fashion-MNIST, Adam, {steps} steps"),)
        if clothes is not None
        else (),
        seeds=seeds,
    )


def _clothes(seeds: int, steps: int) -> Floats | None:
    """The same on Fashion-MNIST; None where it is not installed."""
    try:
        data = load("fashion_mnist")
    except UsageError:
        return None
    return _dead_shares(data, seeds, steps)


def _of_clothes(clothes: Floats | None) -> Iterator[Measurement]:
    if clothes is not None:
        for row, rate in ((clothes[3], 0.03), (clothes[4], 0.1)):
            name = f"dead share at a rate of {rate:g}, Fashion-MNIST"
            yield mean_above(name, _finite(row), 0.3)


def _dead_shares(data: Split, seeds: int, steps: int) -> Floats:
    """Share of dead hidden units, shape `[rates, seeds]`; NaN where a member diverged."""
    network = MLP(data.features, (100, 100), 10)
    members = [
        Member(Recipe(network, "cross_entropy", rate, batch_size=64, optimizer="adam"), seed)
        for rate in RATES
        for seed in range(seeds)
    ]
    history = train_population(members, data, steps, measured_at=[steps])
    final = np.where(history.diverged >= 0, np.nan, history.measures["dead_fraction"][-1])
    shares: Floats = final.reshape(len(RATES), seeds)
    return shares


def _finite(row: Floats) -> Floats:
    known: Floats = row[np.isfinite(row)]
    return known


def _fires(digits: Split, rate: float) -> bool:
    recipe = Recipe(MLP(64, (64, 64), 10), "cross_entropy", rate, optimizer="adam")
    return "dead-units" in alarms(recipe, digits, steps=150)


def _chart(dead: Floats, layers: str, subtitle: str) -> Spec:
    rows = []
    for rate, row in zip(RATES, dead, strict=True):
        interval = Interval.of(_finite(row))
        rows.append(
            {
                "learning rate": rate,
                "dead share": interval.mean,
                "low": max(interval.low, 0),
                "high": min(interval.high, 1),
                "layers": layers,
            }
        )
    return lines(
        rows,
        "learning rate",
        "dead share",
        by="layers",
        low="low",
        high="high",
        title="ReLU units that died",
        subtitle=subtitle,
        logarithmic_x=True,
        points=True,
    )


CLAIM = Claim(
    name="relu-dies",
    sentences=("relu-dies",),
    text="With a rate too high ReLU units die; watch their share.",
    source="textbook; CS231n (up to 40 %); rule ACT001",
    published="on Fashion-MNIST 1.2, 3.9, 14.8, 36.8, 72.5 % at rates from .001 to .1, one run "
    "each",
    kind=Kind.STATISTICAL,
    experiment=experiment,
)
