"""INI013: products of embeddings that start far larger than what they are to predict."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.beginning import EXCESS, excess, scatter
from lifesigns.evidence.sites import listed, weight_of
from lifesigns.evidence.thresholds import ENOUGH_STEPS
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
    SiteReading,
    Snapshot,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

SCATTERED = Threshold(
    3,
    "deviation of the first outputs over that of the targets",
    "arithmetic: a squared error ten times that of a constant",
)
SHARE = Threshold(
    0.5, "size of the products over the deviation of the outputs", "a half: they make the most"
)
PRODUCTS = frozenset({"mul", "matmul"})
LOGISTIC = frozenset({"log_sigmoid", "softplus"})
"""Of the difference of two scores: the loss of a ranking, log 2 of equal ones."""


def check(stream: Stream) -> Iterator[Finding]:
    """At most one finding per stream: the largest product."""
    if stream.course.steps < ENOUGH_STEPS:
        return
    begun = _begun(stream.first.loss) or _begun_apart(stream.first)
    known = max(_products(stream.first), key=lambda product: product[1], default=None)
    if begun is not None and known is not None and known[1] > SHARE * begun.outputs:
        yield _finding(stream, begun, *known)


class _Beginning(NamedTuple):
    """How a run began that is far from any guess."""

    words: str
    outputs: float
    """Deviation of what was made of the products."""
    times: float
    """As a multiple of what it should have been."""


def _begun(loss: LossReading | None) -> _Beginning | None:
    """By the outputs that are compared with targets."""
    if loss is None or loss.prediction is None:
        return None
    outputs = math.sqrt(loss.prediction.variance.mean())
    if (valued := scatter(loss)) > SCATTERED:
        words = f"the first outputs deviate {valued:.2g} times as much as the targets"
        return _Beginning(words, outputs, valued)
    if (valued := excess(loss)) > EXCESS:
        words = f"the loss began at {valued:.2g} times that of a uniform prediction"
        return _Beginning(words, outputs, valued)
    return None


def _begun_apart(snapshot: Snapshot) -> _Beginning | None:
    """By differences of two scores, of which a loss of rankings takes the logistic function."""
    for reading in snapshot.sites:
        site, value = snapshot.graph.sites[reading.site], reading.value
        if (
            site.operation not in LOGISTIC
            or value is None
            or _is_read(snapshot.graph, reading.site)
        ):
            continue
        times = abs(float(value.total.sum() / value.count.sum())) / math.log(2)
        if times > EXCESS:
            words = f"the first differences of scores make {times:.2g} times the loss of equal ones"
            return _Beginning(words, math.sqrt(value.variance.mean()), times)
    return None


def _products(snapshot: Snapshot) -> Iterator[tuple[tuple[Site, Site], float]]:
    """Pairs of embeddings whose product is an output, and its size: RMS times RMS times √width."""
    graph = snapshot.graph
    for index in graph.of_kind(Kind.OTHER, Kind.ATTENTION):
        factors = [graph.sites[i] for i in graph.predecessors(index)]
        pair = len(factors) == 2 and all(f.kind is Kind.EMBEDDING for f in factors)
        if not pair or graph.sites[index].operation not in PRODUCTS or _is_read(graph, index):
            continue
        sizes = [reading.weight_rms for f in factors if (reading := weight_of(f, snapshot))]
        width = factors[0].shape[-1] if factors[0].shape else 0
        if len(sizes) == 2 and width > 1:
            yield (factors[0], factors[1]), math.prod(sizes) * math.sqrt(width)


def _is_read(graph: Graph, index: int) -> bool:
    return graph.leads_to(index, WEIGHTED)


def _finding(stream: Stream, begun: _Beginning, pair: tuple[Site, Site], size: float) -> Finding:
    width = pair[0].shape[-1]
    names = listed([site.name for site in pair])
    return RULE.finding(
        Severity.WARNING,
        f"the embeddings start too large: their products have a size of {size:.2g}, and "
        f"{begun.words}",
        site=pair[0].name,
        step=stream.first.step,
        measured=f"{names}: RMS times RMS times the root of {width} dimensions is {size:.2g}"
        f"{stream.course.remark}",
        expected="products of embeddings that start smaller than what they are to predict",
        certainty="measured in the first recorded step",
        causes=("bad_init", "exploding"),
        remedies=(
            Remedy(
                "Start the embeddings small: nn.Embedding draws them with a deviation of 1.",
                "for embedding in (users, items):\n"
                "    nn.init.normal_(embedding.weight, std=0.1 / embedding.embedding_dim**0.5)",
                edit="size-embeddings",
            ),
        ),
        evidence={"size": size, "times": begun.times},
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(rms: float, *, joined: str = "mul", behind: str = "") -> Trace:
    """Ratings of ±1 by products of two embeddings of 64 dimensions, drawn with this deviation."""
    after = [behind] if behind else []
    graph = example.chain("embedding", "embedding", "mul", *after, "mse_loss")
    first, second, product, *others = graph.sites
    tables = [
        replace(
            site, module=name, kind=Kind.EMBEDDING, shape=(32, 64), parameters=(f"{name}.weight",)
        )
        for site, name in ((first, "users"), (second, "items"))
    ]
    product = replace(product, kind=Kind.OTHER, operation=joined, parameters=())
    edges = ((0, 2), (1, 2), *((i, i + 1) for i in range(2, len(graph.sites) - 1)))
    graph = replace(graph, sites=(*tables, product, *others), edges=edges)
    weights = example.weights(graph, weight_rms=rms)
    sign = np.tile([[-1.0], [1.0]], (16, 1))
    return example.fitting(
        graph, [1.0] * 100, 8 * rms**2 * sign, example.target(sign), parameters=weights
    )


def _ranked(rms: float) -> Trace:
    """The same products, chosen ones less others, in a logistic loss."""
    known = _example(rms, joined="mul", behind="log_sigmoid")
    apart = 8 * math.sqrt(2) * rms**2 * np.random.default_rng(0).standard_normal((64, 1))
    read = SiteReading(3, example.sums(-np.log1p(np.exp(-apart))))
    shots = [replace(s, loss=LossReading(1.0), sites=(read,)) for s in known.snapshots]
    return replace(known, snapshots=tuple(shots))


RULE = Rule(
    code="INI013",
    name="embeddings-too-large",
    title="Products of embeddings start far larger than what they are to predict",
    why="The product of two vectors grows with the root of their width. What was drawn at random "
    "is then far larger than what is to be learned, and goes only where a pair is trained: every "
    "other pair keeps an answer drawn by lot, however well the seen ones are fitted.",
    sees="""
`(users(u) * items(i)).sum(1)` with embeddings as `nn.Embedding` draws them, of deviation 1: in 32
dimensions the first scores deviate by 5.7, where ratings deviate by 1. The first loss is fifty
times that of a constant, and most of training goes into taking it back.
""",
    evidence="""
In the first recorded step: two embeddings whose product is an output, no weights behind it; the RMS
of either table times the root of the width is at least half of how the outputs deviate. And the
outputs deviate more than three times as much as the targets, or a cross-entropy is three times that
of a uniform prediction; or of the differences of scores, as of a chosen and another item, a
logistic loss is three times that of equal ones.
""",
    ignore="""
Embeddings that a layer reads are of no concern: its weights bring them to size. Embeddings that
were trained before and are meant to be large start near their targets, and nothing is said.
""",
    references=(
        "Koren, Bell & Volinsky 2009, Matrix Factorization Techniques for Recommender Systems",
        "Karpathy 2019, A Recipe for Training Neural Networks (verify loss at init)",
    ),
    reads=frozenset({Quantity.PARAMETERS, Quantity.LOSS, Quantity.ACTIVATIONS}),
    check=check,
    thresholds={
        "scattered": SCATTERED,
        "share": SHARE,
        "loss": EXCESS,
        "steps": ENOUGH_STEPS,
    },
    explains=(
        "loss-flat",
        "labels-unrelated",
        "stopped-early",
        "rate-too-low",
        "learned-by-heart",
        "signal-blows-up",
        "exploding-gradient",
        "loss-diverges",
    ),
    cases=(
        Case("drawn with a deviation of 1", lambda: _example(1.0), Severity.WARNING),
        Case(
            "all pairs of a matrix product",
            lambda: _example(1.0, joined="matmul"),
            Severity.WARNING,
        ),
        Case("a ranking", lambda: _ranked(1.0), Severity.WARNING),
        Case("near miss: a ranking, drawn with 0.3", lambda: _ranked(0.3), None),
        Case("near miss: drawn with 0.3", lambda: _example(0.3), None),
        Case("near miss: a layer reads them", lambda: _example(1.0, behind="linear"), None),
        Case("near miss: divided", lambda: _example(1.0, joined="div"), None),
        Case("readings missing", lambda: example.unread(_example(1.0)), None),
    ),
)
