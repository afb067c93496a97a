"""LOS035: cosines as logits, with a factor so small that no answer can be sure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.directions import UNIT, UNITS, directions, spread
from lifesigns.evidence.thresholds import ENOUGH_STEPS, HALF
from lifesigns.functions import lowest_cross_entropy
from lifesigns.records import (
    Finding,
    Graph,
    Kind,
    LossReading,
    Quantity,
    Remedy,
    Severity,
    SiteReading,
    Snapshot,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

WIDE = Threshold(
    4, "times the largest logit above the mean that logits can differ", "geometry: twice two sides"
)
SPREAD = Threshold(
    0.1, "spread of directions, as a share of their size, that shows their scale", "definition"
)
FLOOR = Threshold(
    0.75, "lowest reachable loss over that of a constant", "arithmetic: a quarter can be learned"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    last, course = stream.last, stream.course
    site = _compared_cosines(last)
    if site < 0 or course.steps < ENOUGH_STEPS:
        return
    known = map(_scale, stream.snapshots)
    scales = [scale for scale in known if np.isfinite(scale)]
    if not scales:
        return
    classes, scale = _classes(last), max(scales)
    floor = lowest_cross_entropy(classes, WIDE * scale)
    if floor > FLOOR * math.log(classes):
        yield _finding(stream, last.graph.sites[site].name, scale, floor, classes)


def _compared_cosines(snapshot: Snapshot) -> int:
    """The product of rows of length 1 that the softmax of the loss reads; -1 if there is none."""
    graph, loss = snapshot.graph, snapshot.loss
    if loss is None or loss.kind != "cross_entropy":
        return -1
    unit = {reading.site for reading in directions(snapshot)}
    for index in graph.of_kind(Kind.ATTENTION):
        before = graph.predecessors(index)
        if before and unit.issuperset(before) and _readers(graph, index) == {"log_softmax"}:
            return index
    return -1


def _readers(graph: Graph, index: int) -> set[str]:
    """The operations that read a value, also where its diagonal was filled in place before."""
    words = set[str]()
    for after in graph.successors(index):
        word = graph.sites[after].operation
        words |= _readers(graph, after) if word == "copy_slices" else {word}
    return words


def _classes(snapshot: Snapshot) -> int:
    loss = snapshot.loss
    known = loss is not None and loss.prediction is not None
    return loss.prediction.units if known and loss and loss.prediction else 0


def _scale(snapshot: Snapshot) -> float:
    """The factor of the cosines: how far the surest answer is above chance, by their spread.

    NaN where directions hardly differ, or were not read.
    """
    loss, values = snapshot.loss, [r.value for r in directions(snapshot) if r.value]
    if loss is None or loss.prediction is None or not values:
        return math.nan
    apart = min(spread(value) for value in values)
    above = float(loss.prediction.maximum.max()) + math.log(_classes(snapshot))
    return above / apart if apart > SPREAD else math.nan


def _finding(stream: Stream, site: str, scale: float, floor: float, classes: int) -> Finding:
    return RULE.finding(
        Severity.NOTE if stream.course.gain > HALF else Severity.WARNING,
        f"the logits are cosines times about {scale:.2g}: no answer can be sure",
        site=site,
        step=stream.first.step,
        measured=f"in {len(stream.snapshots)} recorded steps the surest of {classes} answers had a "
        f"factor of {scale:.2g} to its cosine; the lowest loss within reach is {floor:.3g}, chance "
        f"has {math.log(classes):.3g}{stream.course.remark}",
        expected="cosines divided by a temperature of 0.05 to 0.5, or times a factor that learns",
        certainty="rows of length 1 on the graph; the factor by what the softmax gave",
        causes=("wrong_loss", "wrong_output_activation"),
        remedies=(_DIVIDE,),
        evidence={"scale": scale, "lowest_loss": floor},
    )


_DIVIDE = Remedy(
    "Divide the cosines by the temperature, a small number.",
    "loss = F.cross_entropy(a @ b.T / 0.1, torch.arange(len(a)))",
    edit="scale-logits",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(factor: float, angle: float = 6.0, losses: Sequence[float] = example.FLAT) -> Trace:
    """Unit vectors in a plane, each the nearest to itself, and their cosines times a factor."""
    chain = example.chain("linear", "relu", "linear/2", "div", "matmul", "log_softmax", "nll_loss")
    sites = list(chain.sites)
    sites[3] = replace(sites[3], kind=Kind.OTHER, details={"length_dim": -1})
    sites[4] = replace(sites[4], kind=Kind.ATTENTION, parameters=())
    graph = Graph(tuple(sites), chain.edges)
    turned = np.linspace(0, angle, 16)
    rows = np.stack([np.cos(turned), np.sin(turned)], 1)
    logits = factor * rows @ rows.T
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    reading = LossReading(
        losses[0], "cross_entropy", "nll_loss", site=6, scale=1.0, prediction=example.sums(logs)
    )
    return example.steady(graph, losses, loss=reading, sites=[SiteReading(3, example.sums(rows))])


def _spreading() -> Trace:
    """Directions that hardly differ in the first recorded step."""
    known, before = _example(0.05), _example(0.05, angle=0.1)
    return replace(known, snapshots=(before.snapshots[0], *known.snapshots[1:]))


RULE = Rule(
    code="LOS035",
    name="cosines-without-scale",
    title="Cosines are logits too small for a softmax",
    why="A cosine lies between -1 and 1, and a softmax of numbers that close together is nearly "
    "even. However well the directions fit, the loss stays near that of chance, and its gradient "
    "hardly tells near from far.",
    sees="""
A contrast of embeddings, or a classifier by cosine, whose cosines were multiplied by a temperature
of 0.05 or divided by one of 10. The factor belongs the other way round.
""",
    evidence="""
On the graph: rows that were divided by their own length, their product, and the softmax of the loss
right behind it. From the values: how far the surest answer of all recorded steps is above an even
one, over the spread of the directions, is about the factor. With logits that differ by four times
as much the loss would still be three quarters of that of chance.
""",
    ignore="""
A factor of 1 is small, but learns; it is not reported. Nor are directions that hardly differ yet.
""",
    references=("Chen et al. 2020, A Simple Framework for Contrastive Learning: temperature",),
    reads=frozenset({Quantity.ACTIVATIONS, Quantity.LOSS}),
    check=check,
    thresholds={
        "wide": WIDE,
        "spread": SPREAD,
        "floor": FLOOR,
        "learned": HALF,
        "steps": ENOUGH_STEPS,
        "units": UNITS,
        "unit": UNIT,
    },
    explains=("loss-flat", "rate-too-low", "labels-unrelated", "signal-blows-up"),
    cases=(
        Case("multiplied by a temperature", lambda: _example(0.05), Severity.WARNING),
        Case("of directions that hardly differ at first", _spreading, Severity.WARNING),
        Case("divided by ten", lambda: _example(0.1), Severity.WARNING),
        Case("near miss: cosines as they are", lambda: _example(1.0), None),
        Case("near miss: directions that hardly differ", lambda: _example(0.05, angle=0.1), None),
        Case("divided by a tenth", lambda: _example(10.0), None),
        Case("readings missing: no directions", lambda: example.unread(_example(0.05)), None),
    ),
)
