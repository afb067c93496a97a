"""Hand-written traces and findings for the reports' tests."""

from dataclasses import replace

import numpy as np

from lifesigns.records import (
    Cost,
    Coverage,
    Finding,
    Graph,
    LossCurve,
    ParameterReading,
    Remedy,
    RunInfo,
    Severity,
    Snapshot,
    Trace,
)
from lifesigns.rules import testing as example

SYMMETRIC = Finding(
    rule="symmetric-units",
    code="INI001",
    severity=Severity.ERROR,
    symptom="all 16 units of 0:linear#0 are copies of one another",
    site="0:linear#0",
    step=0,
    measured="1 distinct row of 16, in the weight and in its gradient",
    expected="16 distinct rows",
    certainty="exact",
    why="Equal weights get equal gradients, so the units stay copies for ever. "
    "Such a layer can express no more than one unit.",
    causes=("bad_init",),
    remedies=(
        Remedy(
            "Initialise hidden layers at random; zero is fine for biases only.",
            "for layer in hidden:\n    nn.init.xavier_uniform_(layer.weight)  # He for a rectifier:"
            " kaiming_uniform_",
        ),
        Remedy("Or let the layers keep torch's own initialisation.", "model.apply(reset)"),
    ),
    evidence={"distinct_rows": 1.0, "gap": float("inf")},
)
DEAD = Finding(
    rule="dead-units",
    code="ACT001",
    severity=Severity.WARNING,
    symptom="60% of the units at [0]:relu#0 are dead: σ′ ≤ 0 … for ever",
    site="[0]:relu#0",
    step=12,
    measured="[bold]6 of 10[/] units gave 0 throughout",
    expected="fewer than 4 of 10",
    certainty="0 of 640 observations: activity below 0.0047 at 95 % confidence",
    why="A unit that is silent on every input passes no gradient. Nothing can revive it.",
    causes=("dead_relu", "lr_too_high"),
    remedies=(Remedy("Lower the learning rate tenfold."),),
)
CONSTANT = Finding(
    rule="constant-features",
    code="DAT002",
    severity=Severity.NOTE,
    symptom="2 of 64 input features never change",
    site="input",
    step=0,
    measured="one value throughout in features 0, 32",
    expected="features that differ between samples",
    certainty="exact",
    why="A constant feature says nothing. Its weight is a second bias.",
)
FINDINGS = (SYMMETRIC, DEAD, CONSTANT)


def curve(values):
    values = np.asarray(values, float)
    return LossCurve(np.arange(len(values)), values, np.zeros(len(values), np.int64))


def run(losses, *, recorded=3, outcome="finished", **coverage):
    """A run with these losses, of which the first steps were recorded."""
    seen = Coverage(**coverage)
    return Trace(
        tuple(Snapshot(step, Graph(), coverage=seen) for step in range(recorded)),
        curve(losses),
        steps=len(losses),
        optimizers=("SGD",),
        cost=Cost(watching=0.12, training=15.0),
        info=RunInfo("train.py --epochs 3", "2025-01-31T09:30:00+00:00", {}, outcome),
    )


def parameters(*readings):
    """A snapshot of `(name, reached)` pairs."""
    return Snapshot(
        0,
        Graph(),
        parameters=tuple(ParameterReading(n, (2, 2), reached=reached) for n, reached in readings),
    )


FALLING = np.linspace(2.3, 0.3, 600)
LEARNING = replace(
    run(FALLING), snapshots=example.regression(FALLING.tolist(), update=1e-3).snapshots[:3]
)
"""Of a loss that was recognised: a constant prediction has 1."""
INCOMPLETE = run(
    [*np.linspace(2.3, 2.2, 99), float("nan")],
    outcome="failed: ValueError: no such label\nsecond line",
    opaque=("MyFunctionBackward",),
    hooked_saves=3,
)
