"""Comparisons for the page: runs of a small network of which one dies, in an evil command."""

from dataclasses import replace

import numpy as np
from sample import EVIL

from lifesigns.records import BatchReading, Finding, RunInfo, Severity, SiteReading
from lifesigns.report.comparison import Side, compare
from lifesigns.report.comparison.as_json import to_json
from lifesigns.report.page import document
from lifesigns.report.page.comparison_host import comparison_html
from lifesigns.rules import testing as example

GRAPH = example.chain("linear", "relu", "linear", "nll_loss", units=8, batch=16)
STEPS = (0, 1, 2, 4, 8, 16, 32)


def side(name, *, dying=False, module="", batch=16, command="train.py"):
    """A run whose rectifier dies from step 8 on, or does not."""
    graph = replace(GRAPH, sites=tuple(replace(s, module=module + s.module) for s in GRAPH.sites))
    shots = [_shot(graph, step, dying and step >= 8, dying and step >= 1, batch) for step in STEPS]
    fall = np.linspace(2.3, 0.4, 40)
    losses = [*fall[:2], *(fall[2:] if not dying else np.full(38, 2.2))]
    info = RunInfo(f"{command} {EVIL}", "2026-01-31T09:30:00+00:00", {"torch": "2.6.0"}, "finished")
    findings = (DEAD, FLAT) if dying else (FLAT,)
    return Side(name, example.trace(*shots, losses=losses, info=info), findings)


def page(*sides, axis="step"):
    """The page of these runs."""
    documents = [document(one.trace, one.findings) for one in sides]
    return comparison_html(to_json(compare(sides, axis)), documents)


def _shot(graph, step, dead, fast, batch):
    values = np.abs(np.random.default_rng(step).standard_normal((16, 8)))
    sums = example.sums(np.zeros((16, 8)) if dead else values)
    update = 0.5 if fast else 1e-3
    return example.snapshot(
        graph,
        step=step,
        sites=[SiteReading(1, sums, example.sums(values), sums)],
        parameters=example.weights(graph, weight_rms=0.5, gradient_rms=0.1, update_rms=update),
        batch=BatchReading((batch, 8), example.sums(values)),
    )


FLAT = Finding(
    rule="loss-flat",
    code="OPT003",
    severity=Severity.NOTE,
    symptom="the loss is flat",
    site="",
    step=39,
    measured="2.2",
    expected="less",
    certainty="exact",
    why="Nothing is learned.",
)
DEAD = replace(
    FLAT,
    rule="dead-units",
    code="ACT001",
    severity=Severity.WARNING,
    symptom=f"8 of 8 units of {EVIL} are dead",
    site="1:relu#0",
    step=8,
)
