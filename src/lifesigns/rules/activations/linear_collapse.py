"""ACT003: linear maps with nothing but linear operations between them are one linear map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold
from lifesigns.evidence.sites import is_hidden, listed
from lifesigns.records import (
    WEIGHTED,
    Finding,
    Graph,
    Kind,
    LossReading,
    Quantity,
    Remedy,
    Severity,
    Site,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

LEFT = Threshold(
    0.1,
    "share of a constant prediction's loss still left, called poor",
    "arithmetic: less is nine tenths of what can be learned",
)

MAPS = frozenset({Kind.LINEAR, Kind.CONVOLUTION})
TRANSPARENT = frozenset({Kind.DROPOUT})
"""Kinds that leave two maps one: dropout is linear in its input. Everything else between them,
pooling included, counts as non-linear: the rule accuses only what is proved."""


@dataclass(frozen=True)
class _Pair:
    """Two maps that are one."""

    first: Site
    second: Site
    low_rank: bool
    """The width between them is below both ends: a factorisation, which can be meant."""
    head: bool
    """The second is the output layer of the network."""

    def __str__(self) -> str:
        return f"{self.first.name} → {self.second.name}"


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream: the first pair leads, the others are named."""
    snapshot = stream.first
    whole = _is_linear(snapshot.graph)
    pairs = list(_pairs(snapshot.graph, whole=whole))
    if pairs:
        yield _finding(snapshot.graph, pairs, stream.course, snapshot.step, whole=whole)


def _pairs(graph: Graph, *, whole: bool) -> Iterator[_Pair]:
    """All of them; across a batch normalisation only where the whole network is linear."""
    for index in graph.of_kind(*MAPS):
        second = _next_map(graph, index, whole=whole)
        if second is not None:
            a, b = graph.sites[index], graph.sites[second]
            low_rank = a.units < min(a.fan_in or a.units, b.units)
            yield _Pair(a, b, low_rank, head=not is_hidden(graph, second))


def _next_map(graph: Graph, index: int, *, whole: bool) -> int | None:
    """The map that reads nothing but the value of map `index`, and whose only reader it is."""
    following = graph.successors(index)
    while len(following) == 1 and len(graph.predecessors(following[0])) == 1:
        site = graph.sites[following[0]]
        if site.kind in MAPS and site.parameters:
            return following[0]
        if not (site.kind in TRANSPARENT or (whole and _is_affine(graph, following[0]))):
            return None
        following = graph.successors(following[0])
    return None


def _is_linear(graph: Graph) -> bool:
    """No non-linearity between the input and the last map: the whole network is one map."""
    maps = graph.of_kind(*WEIGHTED)
    if not maps:
        return False
    inside = (maps[-1], *graph.upstream(maps[-1]))
    return all(graph.sites[i].kind in MAPS | TRANSPARENT or _is_affine(graph, i) for i in inside)


def _is_affine(graph: Graph, index: int) -> bool:
    """Whether a site is a batch normalisation: one factor and shift for all samples of a unit.

    Instance normalisation runs as one, too, of a single sample that has the units of all.
    """
    site = graph.sites[index]
    return site.operation == "batch_norm" and bool(site.shape) and site.shape[0] > 1


def _finding(
    graph: Graph, pairs: list[_Pair], course: Course, step: int, *, whole: bool
) -> Finding:
    collapsed = [pair for pair in pairs if not pair.low_rank]
    several = len([pair for pair in collapsed if not pair.head]) > 1
    alarming = bool(collapsed) and (whole or several) and _is_poor(course)
    origin = (collapsed or pairs)[0]
    rest = [pair for pair in pairs if pair is not origin]
    maps = len(graph.of_kind(*MAPS))
    return RULE.finding(
        Severity.WARNING if alarming else Severity.NOTE,
        f"the whole network is linear: its {maps} layers compute what one layer can"
        if whole
        else f"{origin} compute one linear map: no activation between them",
        site=origin.first.name,
        step=step,
        measured=f"no non-linearity between {origin}"
        + (f"; nor between {listed(rest)}" if rest else "")
        + course.remark,
        expected="an activation between every two weighted layers",
        certainty="proved on the graph",
        causes=("linear_collapse", "missing_activation"),
        remedies=(
            Remedy(
                "Put an activation between the layers, or merge them into one.",
                "nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c))",
                edit="insert-activation",
            ),
        ),
        evidence={"pairs": len(pairs), "whole_network": float(whole)},
    )


def _is_poor(course: Course) -> bool:
    """Nothing learned; or still far from the targets, and no longer getting nearer."""
    left = course.end > LEFT * course.baseline
    return course.harmed or bool(course.judged and left and not course.falling)


# --- cases ----------------------------------------------------------------------------------------


def _example(losses: Sequence[float], *operations: str) -> Trace:
    graph = example.chain(*operations, "mse_loss", units=8)
    reading = LossReading(
        losses[-1],
        "squared_error",
        fit=losses[-1],
        scale=1.0,
        target=example.target(np.array([[-1.0], [1.0]] * 8)),
    )
    shot = example.snapshot(graph, loss=reading)
    return example.trace(shot, replace(shot, step=len(losses) - 1), losses=losses)


RULE = Rule(
    code="ACT003",
    name="linear-collapse",
    title="Layers without a non-linearity between them",
    why="The product of two matrices is a matrix, so two linear layers in a row can compute "
    "nothing that one could not. Only a non-linear activation between them makes depth count.",
    sees="""
W₂(W₁x + b₁) + b₂ is again a matrix times x plus a vector. A network of linear layers draws a
straight boundary however deep it is.
""",
    evidence="""
On the autograd graph the value of one weighted layer reaches the next through nothing but linear
operations (views, sums, dropout), and the width between them is not below both ends. This is
exact. Pooling between two layers counts as non-linear here, and so does normalisation; but for
batch normalisation in a network with no other non-linearity at all: it gives all samples of a batch
the same factor and shift, and in evaluation mode all samples.
""",
    ignore="""
A narrow layer between two wide ones is a low-rank factorisation, and a linear layer in front of a
linear head costs little: notes. Deep linear networks train differently from shallow ones and are
studied for that; as long as the fit is good the rule only notes them. It alarms when the whole
network is linear, or several layers collapse, *and* the loss stays far from its targets.
""",
    references=(
        "Goodfellow, Bengio & Courville 2016, Deep Learning, section 6.1: learning XOR",
        "Saxe, McClelland & Ganguli 2014, Exact Solutions to the Nonlinear Dynamics of "
        "Learning in Deep Linear Neural Networks",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"left": LEFT},
    explains=("loss-flat",),
    cases=(
        Case(
            "a linear network that stays poor",
            lambda: _example([0.6] * 100, "linear", "linear", "linear/1"),
            Severity.WARNING,
        ),
        Case(
            "near miss: a linear network that fits",
            lambda: _example(FALLING, "linear", "linear", "linear/1"),
            None,
        ),
        Case(
            "activations between the layers",
            lambda: _example(FLAT, "linear", "relu", "linear", "relu", "linear/1"),
            None,
        ),
        Case(
            "a network with nothing but batch normalisation between its layers",
            lambda: _example([0.6] * 100, "linear", "batch_norm", "linear", "linear/1"),
            Severity.WARNING,
        ),
        Case(
            "near miss: layer normalisation",
            lambda: _example([0.6] * 100, "linear", "layer_norm", "linear/1"),
            None,
        ),
        Case(
            "near miss: batch normalisation in a network with activations",
            lambda: _example(FLAT, "linear", "batch_norm", "linear", "relu", "linear/1"),
            None,
        ),
        Case("linear regression", lambda: _example(FLAT, "linear/1"), None),
        Case(
            "a low-rank factorisation",
            lambda: _example(FLAT, "linear/2", "linear/8", "relu", "linear/1"),
            None,
        ),
        Case(
            "three layers collapse inside a deeper network",
            lambda: _example(FLAT, "linear", "linear", "linear", "relu", "linear/1"),
            Severity.WARNING,
        ),
        Case(
            "readings missing: graph and losses prove it",
            lambda: example.unread(_example(FLAT, "linear", "linear", "linear/1")),
            Severity.WARNING,
        ),
    ),
)
