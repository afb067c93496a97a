"""INI001: all units of a hidden layer are copies of one another, and stay so."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold
from lifesigns.evidence.sites import listed
from lifesigns.evidence.symmetry import hidden_layers, is_symmetric
from lifesigns.records import Finding, Quantity, Remedy, Severity, Site, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

LEFT = Threshold(
    0.5,
    "share of a constant prediction's loss still left, called poor",
    "arithmetic: units that stay alike are one unit, and half is left of what can be learned",
)
ROWS = Threshold(
    1, "different rows of weight and of gradient", "exact; Goodfellow et al. 2016, section 8.4"
)
FIRST = 3
"""Snapshots that must agree; later, rounding errors may drive apart what is equal exactly."""


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream: the first symmetric layer leads, the others are named."""
    first = stream.snapshots[:FIRST]
    sites = [s for s in hidden_layers(first[0]) if all(is_symmetric(s, x) for x in first)]
    if sites:
        yield _finding(stream, sites)


def _finding(stream: Stream, sites: list[Site]) -> Finding:
    origin, rest = sites[0], sites[1:]
    reading = stream.first.parameter(origin.parameters[0])
    value = "0" if reading and reading.weight_rms == 0 else "the same"
    alike = sum(is_symmetric(origin, snapshot) for snapshot in stream.snapshots)
    course = stream.course
    return RULE.finding(
        Severity.NOTE if _learned_well(course) else Severity.ERROR,
        f"all {origin.fan_out or origin.units} units of {origin.name} are copies of one another",
        site=origin.name,
        step=stream.first.step,
        measured=f"every row of {origin.parameters[0]} is {value} and all rows of its gradient are "
        f"equal, in {alike} of {len(stream.snapshots)} recorded steps"
        + (f"; also {listed([site.name for site in rest])}" if rest else "")
        + course.remark,
        expected="units that start different, so that they can learn different things",
        certainty=f"exact, in {stream.seen}",
        causes=("bad_init",),
        remedies=(
            Remedy(
                "Initialise hidden layers at random; zero is fine for biases only.",
                "nn.init.xavier_uniform_(layer.weight)  # for ReLU: kaiming_uniform_\n"
                "nn.init.zeros_(layer.bias)",
            ),
        ),
        evidence={"layers": len(sites), "recorded_steps": alike},
    )


def _learned_well(course: Course) -> bool:
    """One unit's worth is enough for this task: half the loss of a constant prediction."""
    reference = course.baseline if np.isfinite(course.baseline) else course.start
    return course.learned and course.end < LEFT * reference


# --- cases ----------------------------------------------------------------------------------------
def _example(rows: int, gradient_rows: int, *operations: str, end: float = 0.0) -> Trace:
    """Losses fall from 1 to `end`, if it is given."""
    graph = example.chain(*(operations or ("linear", "sigmoid", "linear", "mse_loss")), units=16)
    counts = {"distinct_weight_rows": rows, "distinct_gradient_rows": gradient_rows}
    losses = np.geomspace(1, end, 99).tolist() if end else ()
    return example.steady(graph, losses, parameters=example.weights(graph, **counts))


RULE = Rule(
    code="INI001",
    name="symmetric-units",
    title="Hidden units that are copies of one another",
    why="Units that start with equal weights get equal gradients, so every step moves them alike "
    "and they stay copies for ever. A layer of such units can express no more than a single unit.",
    sees="""
Backpropagation tells two units of a layer apart only by their weights. If these are equal,
towards the input and towards the output, the units compute the same value, receive the same
gradient and make the same step: the symmetry is never broken. With ReLU and all weights 0, value
and gradient are 0 as well, and nothing but the last bias learns.
""",
    evidence="""
The layer has another weighted layer behind it on the graph, all rows of its weight are equal
*and* all rows of its gradient are equal, in each of the first three recorded steps. (The weight
of an LSTM has four kinds of rows, of a GRU three.) This is exact, no statistics are involved.
""",
    ignore="""
Zero weights are fine where symmetry is broken elsewhere or does not matter: in a last layer, in
softmax or logistic regression, at the end of a residual branch, in an embedding. There the rows
of the gradient differ, or nothing weighted follows, and the rule is quiet. A network that learns
with a symmetric layer, as through a layer of one unit, gets a note.
""",
    references=(
        "Goodfellow, Bengio & Courville 2016, Deep Learning, section 8.4: parameter "
        "initialization strategies",
        "CS231n, Neural Networks Part 2: weight initialization",
    ),
    reads=frozenset({Quantity.PARAMETERS, Quantity.ROWS, Quantity.LOSS}),
    check=check,
    thresholds={"rows": ROWS, "left": LEFT},
    explains=("dead-units", "zero-gradient", "vanishing-gradient", "constant-output", "loss-flat"),
    cases=(
        Case("equal weights, equal gradients", lambda: _example(1, 1), Severity.ERROR),
        Case("an LSTM's four gates", lambda: _example(4, 4, "lstm", "linear"), Severity.ERROR),
        Case("copies that learn a little", lambda: _example(1, 1, end=0.8), Severity.ERROR),
        Case(
            "near miss: copies that are enough for the task", lambda: _example(1, 1, end=0.01), None
        ),
        Case("equal weights told apart by the gradient", lambda: _example(1, 16), None),
        Case("softmax regression from zero", lambda: _example(1, 1, "linear", "nll_loss"), None),
        Case("random weights", lambda: _example(16, 16), None),
        Case("readings missing: rows not compared", lambda: example.unread(_example(1, 1)), None),
    ),
)
