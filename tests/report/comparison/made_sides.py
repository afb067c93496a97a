"""Two sides of a comparison, with findings."""

from dataclasses import replace

import numpy as np
from compared_runs import rates, run, shot, side

from lifesigns.records import Finding, Severity, SiteReading
from lifesigns.rules import testing as example

DEAD = Finding(
    rule="dead-units",
    code="ACT001",
    severity=Severity.WARNING,
    symptom="all 4 units of 1:relu#0 are dead",
    site="1:relu#0",
    step=4,
    measured="4 of 4 units gave 0",
    expected="fewer than 2",
    certainty="exact",
    why="A unit that is silent passes no gradient.",
)
FLAT = replace(
    DEAD, rule="loss-flat", code="OPT003", severity=Severity.NOTE, site="", symptom="it is flat"
)
SILENT = SiteReading(1, example.sums(np.zeros((8, 4))), *[example.sums(np.zeros((8, 4)))] * 2)
HEALTHY = side(run(command="train.py --lr 0.1", rates=rates(0.1)), name="healthy.ls")
DYING = side(
    run(
        shot(0),
        shot(1, update=0.5),
        *(replace(shot(step), sites=(SILENT,)) for step in (4, 16)),
        losses=(*HEALTHY.trace.losses.values[:2], *np.linspace(1.1, 1.0, 38)),
        command="train.py --lr 50",
        rates=rates(50.0),
    ),
    DEAD,
    name="dying.ls",
)
