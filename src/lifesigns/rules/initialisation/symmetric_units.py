"""INI001: all units of a hidden layer are copies of one another, and stay so."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold
from lifesigns.evidence.sites import listed
from lifesigns.evidence.symmetry import hidden_layers, is_by_columns, is_symmetric
from lifesigns.evidence.thresholds import FITTED
from lifesigns.records import WEIGHTED, Finding, Quantity, Remedy, Severity, Site, Snapshot, Trace
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
HIDDEN = Threshold(2, "hidden layers of zeros", "one may be a last layer's branch")
FIRST = 3
"""Snapshots that must agree; later, rounding errors may drive apart what is equal exactly."""


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream: the first symmetric layer leads, the others are named."""
    first = stream.snapshots[:FIRST]
    sites = [s for s in hidden_layers(first[0]) if all(is_symmetric(s, x) for x in first)]
    if sites:
        yield _finding(stream, sites)
    elif stream.first.step == 0 and (zeros := _all_of_zeros(stream.first)):
        yield _of_zeros(stream, zeros)


def _all_of_zeros(snapshot: Snapshot) -> list[Site]:
    """The weighted layers, if there are hidden ones and every weight of all of them is 0."""
    graph = snapshot.graph
    layers = [graph.sites[i] for i in graph.of_kind(*WEIGHTED)]
    layers = [site for site in layers if site.parameters]
    readings = [snapshot.parameter(site.parameters[0]) for site in layers]
    hidden = len(list(hidden_layers(snapshot)))
    zero = all(reading is not None and reading.weight_rms == 0 for reading in readings)
    return layers if zero and hidden >= HIDDEN else []


def _of_zeros(stream: Stream, layers: list[Site]) -> Finding:
    course = stream.course
    return RULE.finding(
        Severity.NOTE if _learned_well(course) else Severity.WARNING,
        f"all {len(layers)} weighted layers start at 0",
        site=layers[0].name,
        step=stream.first.step,
        measured=f"every weight of {listed([site.parameters[0] for site in layers])} is 0"
        + course.remark,
        expected="weights that start different, so that signal and gradient get through",
        certainty="exact, before the first step",
        why="A layer whose weights are 0 hands on neither signal nor gradient. Where all of them "
        "start so, only biases tell units apart, and layers learn one after another, if at all.",
        causes=("bad_init",),
        remedies=(_RANDOM,),
        evidence={"layers": len(layers)},
    )


def _finding(stream: Stream, sites: list[Site]) -> Finding:
    origin, rest = sites[0], sites[1:]
    reading = stream.first.parameter(origin.parameters[0])
    value = "0" if reading and reading.weight_rms == 0 else "the same"
    row = "column" if reading and is_by_columns(origin, reading) else "row"
    alike = sum(is_symmetric(origin, snapshot) for snapshot in stream.snapshots)
    course = stream.course
    return RULE.finding(
        _severity(course, stays=alike == len(stream.snapshots)),
        f"all {origin.fan_out or origin.units} units of {origin.name} are copies of one another",
        site=origin.name,
        step=stream.first.step,
        measured=f"every {row} of {origin.parameters[0]} is {value} and all {row}s of its gradient "
        f"are equal, in {alike} of {len(stream.snapshots)} recorded steps"
        + (f"; also {listed([site.name for site in rest])}" if rest else "")
        + course.remark,
        expected="units that start different, so that they can learn different things",
        certainty=f"exact, in {stream.seen}",
        causes=("bad_init",),
        remedies=(_RANDOM,),
        evidence={"layers": len(sites), "recorded_steps": alike},
    )


def _severity(course: Course, *, stays: bool) -> Severity:
    """Units that stay copies to the end leave undone what one of them cannot do."""
    if not _learned_well(course):
        return Severity.ERROR
    return Severity.WARNING if stays and 1 - _left(course) < FITTED else Severity.NOTE


def _learned_well(course: Course) -> bool:
    """One unit's worth is enough for this task: half the loss of a constant prediction."""
    return course.learned and _left(course) < LEFT


def _left(course: Course) -> float:
    """Share of a constant prediction's loss that is left; of the first loss where unknown."""
    return course.end / (course.baseline if np.isfinite(course.baseline) else course.start)


_RANDOM = Remedy(
    "Initialise hidden layers at random; zero is fine for biases only.",
    "nn.init.xavier_uniform_(layer.weight)  # for ReLU: kaiming_uniform_\n"
    "nn.init.zeros_(layer.bias)",
    edit="initialise",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(rows: int, gradient_rows: int, *operations: str, end: float = 0.0) -> Trace:
    """Losses fall from 1 to `end`, if it is given."""
    graph = example.chain(*(operations or ("linear", "sigmoid", "linear", "mse_loss")), units=16)
    counts = {"distinct_weight_rows": rows, "distinct_gradient_rows": gradient_rows}
    losses = np.geomspace(1, end, 99).tolist() if end else ()
    return example.steady(graph, losses, parameters=example.weights(graph, **counts))


def _zeros(*operations: str, weight: float = 0.0, end: float = 0.8) -> Trace:
    """Weights whose rows the gradient tells apart, as where biases differ."""
    graph = example.chain(*operations, "mse_loss", units=16)
    readings = example.weights(
        graph, weight_rms=weight, distinct_weight_rows=1, distinct_gradient_rows=16
    )
    return example.steady(graph, np.geomspace(1, end, 99).tolist(), parameters=readings)


_DEEP = ("linear", "relu", "linear", "relu", "linear")


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
of an LSTM has four kinds of rows, of a GRU three; of `x @ W` the units are columns.) This is exact,
no statistics are involved. Also reported: two hidden layers or more, and not one weight in the
network that is not 0 at the start.
""",
    ignore="""
Zero weights are fine where symmetry is broken elsewhere or does not matter: in a last layer, in
softmax or logistic regression, at the end of a residual branch, in an embedding. There the rows
of the gradient differ, or nothing weighted follows, and the rule is quiet. A network that learns
with a symmetric layer gets a note if it fits its targets, or if the units came apart later.
""",
    references=(
        "Goodfellow, Bengio & Courville 2016, Deep Learning, section 8.4: parameter "
        "initialization strategies",
        "CS231n, Neural Networks Part 2: weight initialization",
    ),
    reads=frozenset({Quantity.PARAMETERS, Quantity.ROWS, Quantity.LOSS}),
    check=check,
    thresholds={"rows": ROWS, "left": LEFT, "fitted": FITTED, "hidden": HIDDEN},
    explains=(
        "dead-from-birth",
        "dead-units",
        "zero-gradient",
        "zero-times-zero",
        "vanishing-gradient",
        "constant-output",
        "loss-flat",
    ),
    cases=(
        Case("equal weights, equal gradients", lambda: _example(1, 1), Severity.ERROR),
        Case("an LSTM's four gates", lambda: _example(4, 4, "lstm", "linear"), Severity.ERROR),
        Case("copies that learn half of it", lambda: _example(1, 1, end=0.2), Severity.WARNING),
        Case("copies that learn a little", lambda: _example(1, 1, end=0.8), Severity.ERROR),
        Case(
            "near miss: copies that are enough for the task", lambda: _example(1, 1, end=0.01), None
        ),
        Case("zeros in all layers, and biases differ", lambda: _zeros(*_DEEP), Severity.WARNING),
        Case(
            "near miss: zeros in all layers, and it learns well",
            lambda: _zeros(*_DEEP, end=0.01),
            None,
        ),
        Case("near miss: zeros in the only hidden layer", lambda: _zeros("linear", "linear"), None),
        Case("equal weights told apart by the gradient", lambda: _example(1, 16), None),
        Case("softmax regression from zero", lambda: _example(1, 1, "linear", "nll_loss"), None),
        Case("random weights", lambda: _example(16, 16), None),
        Case("readings missing: rows not compared", lambda: example.unread(_example(1, 1)), None),
    ),
)
