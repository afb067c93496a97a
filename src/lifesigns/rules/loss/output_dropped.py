"""LOS093: a dropout behind the output layer: what the loss compares is set to 0 at random."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.output import SHAPING
from lifesigns.evidence.thresholds import JUDGED
from lifesigns.records import Finding, Graph, Kind, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

LEAST = Threshold(2, "recorded steps in which the same share is dropped", "a mask of data varies")
LAYERS = frozenset({Kind.LINEAR, Kind.CONVOLUTION})
SQUASHING = frozenset({"log", "log_sigmoid", "log_softmax", "sigmoid", "softmax"})
"""What may lie between the outputs and the loss."""
SQUARES = frozenset({"mse_loss", "pow"})


class Dropped(NamedTuple):
    """A dropout of outputs."""

    site: str
    layer: str
    share: float


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, for the first such dropout of the last recorded step."""
    if stream.course.steps < JUDGED:
        return
    steps = [set(_dropped(s.graph, s.loss)) for s in stream.snapshots if s.loss]
    last = next((found for found in reversed(steps) if found), set())
    for one in sorted(last):
        often = sum(one in found for found in steps)
        if often >= LEAST:
            yield _finding(stream, one, often)
            return


def _dropped(graph: Graph, loss: LossReading) -> Iterable[Dropped]:
    """The dropouts that read a layer, perhaps through an activation, and that the loss reads."""
    for index in graph.of_kind(Kind.DROPOUT):
        site, above = graph.sites[index], graph.predecessors(index)
        while len(above) == 1 and graph.sites[above[0]].kind in SHAPING:
            above = graph.predecessors(above[0])
        share = site.details.get("p", 0.0)
        if len(above) != 1 or graph.sites[above[0]].kind not in LAYERS or not 0 < share < 1:
            continue
        if _is_compared(graph, index, loss):
            yield Dropped(site.name, graph.sites[above[0]].name, share)


def _is_compared(graph: Graph, index: int, loss: LossReading) -> bool:
    """Whether all that reads a value is the loss, or its own softmax or sigmoid, and it alone."""
    following = list(graph.successors(index))
    arrives = False
    while following:
        at = following.pop()
        site = graph.sites[at]
        if len(graph.predecessors(at)) != 1:
            return False
        if site.kind is Kind.LOSS or at == loss.site:
            arrives = True
        elif site.operation in SQUASHING:
            arrives = arrives or site.kind is Kind.SOFTMAX
            following += graph.successors(at)
        else:
            return False
    return arrives


def _finding(stream: Stream, one: Dropped, often: int) -> Finding:
    kept = 1 - one.share
    squared = stream.last.loss is not None and stream.last.loss.operation in SQUARES
    least = (
        f"; the least squared error is then at {kept:.0%} of each target, and {one.share:.0%} of "
        "the targets' squares stay in the loss"
    )
    return RULE.finding(
        Severity.WARNING,
        f"a dropout sets {one.share:.0%} of the network's outputs to 0",
        site=one.site,
        step=stream.snapshots[0].step,
        measured=f"it reads {one.layer}, nothing but the loss reads it, and what it keeps is "
        f"multiplied by {1 / kept:.3g}, in {often} of {len(stream.snapshots)} recorded steps"
        + (least if squared else "")
        + stream.course.remark,
        expected="a dropout before the last layer, and outputs as that layer makes them",
        certainty=f"exact, in {stream.seen}",
        causes=("other",),
        remedies=(_BEFORE,),
        evidence={"dropped": one.share, "steps": often},
    )


_BEFORE = Remedy(
    "Put it before the output layer, or leave it out.",
    "nn.Sequential(nn.Linear(96, 48), nn.ReLU(), nn.Dropout(0.4), nn.Linear(48, 1))",
    edit="drop-activation",
)


# --- cases ----------------------------------------------------------------------------------------
_FLOOR = [0.45 + 0.5 * 0.97**step for step in range(200)]


def _example(
    *operations: str, p: float = 0.4, varies: float = 0.0, losses: Sequence[float] = _FLOOR
) -> Trace:
    """A network of these operations, with this share dropped, and so much more from step to step.

    The last is the loss.
    """
    graph = example.chain("linear", "relu", *operations)
    known = example.regression(losses, update=1e-3)
    shots = []
    for i, shot in enumerate(known.snapshots):
        sites = [
            example.with_details(site, p=p + i * varies) if site.kind is Kind.DROPOUT else site
            for site in graph.sites
        ]
        loss = LossReading(1.0, operation=operations[-1], site=len(sites) - 1)
        shots.append(replace(shot, graph=replace(graph, sites=tuple(sites)), loss=loss))
    return replace(known, snapshots=tuple(shots))


RULE = Rule(
    code="LOS093",
    name="output-dropped",
    title="A dropout behind the output layer",
    why="A dropout after the last layer is no noise on features: it sets predictions themselves to "
    "0 and enlarges the rest. A regression can only shrink what it says, and is evaluated without "
    "the dropout it shrank for; the scores of classes are 0 at random.",
    sees="""
`nn.Linear(48, 1), nn.Dropout(0.4)` at the end of a network, as where each layer of a list is given
its dropout, the last one too. The loss comes to rest far above what the same network reaches.
""",
    evidence="""
The graph: a dropout, known by its mask, reads a linear layer or convolution, perhaps through an
activation, and its only reader is the loss, perhaps through a softmax or sigmoid. Exact.
""",
    ignore="""
A dropout before the output layer, on a residual branch that is added to something, or of embeddings
that are compared with each other is not meant. A mask of data differs in the factor of what it
keeps from step to step, or has none.
""",
    references=(
        "Srivastava et al. 2014, Dropout: section 4, units of the input and hidden layers",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"least": LEAST, "steps": JUDGED},
    explains=("heavy-dropout", "loss-flat", "labels-unrelated", "rate-too-low", "stopped-early"),
    cases=(
        Case(
            "of a regression",
            lambda: _example("linear/1", "dropout", "mse_loss"),
            Severity.WARNING,
        ),
        Case(
            "of the scores of classes",
            lambda: _example("linear/5", "dropout", "log_softmax", "nll_loss"),
            Severity.WARNING,
        ),
        Case(
            "behind an activation",
            lambda: _example("linear/5", "relu", "dropout", "mse_loss"),
            Severity.WARNING,
        ),
        Case(
            "near miss: before the output layer",
            lambda: _example("dropout", "linear/1", "mse_loss"),
            None,
        ),
        Case(
            "near miss: a mask of data",
            lambda: _example("linear/1", "dropout", "mse_loss", varies=0.01),
            None,
        ),
        Case(
            "near miss: a recurrence after it",
            lambda: _example("linear/5", "dropout", "lstm", "mse_loss"),
            None,
        ),
        Case(
            "readings missing: the share is not known",
            lambda: _example("linear/1", "dropout", "mse_loss", p=0.0),
            None,
        ),
    ),
)
