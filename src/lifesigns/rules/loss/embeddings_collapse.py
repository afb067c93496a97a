"""LOS034: the embeddings that a loss compares have become one direction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.directions import UNIT, UNITS, directions, spread_of
from lifesigns.evidence.sites import counted
from lifesigns.records import (
    BatchReading,
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

SIDES = Threshold(2, "sites with embeddings that a loss compares with one another", "definition")
SPREAD = Threshold(
    1e-3,
    "share of their size by which embeddings of one direction differ",
    "geometry: a mean angle of 2 degrees from their mean",
)
DRAWN = "drawn_together"
"""The detail of a loss: how many cosines it is made of that it makes larger, and of nothing else,
where both sides have a gradient to weights they share."""
STEPS = Threshold(3, "recorded steps, at least", "a definition: more than an accident")
SHRUNK = Threshold(10, "times that the spread was larger at first", "a network may start narrow")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    yield from _become_one(stream) or _are_drawn(stream)


def _become_one(stream: Stream) -> list[Finding]:
    """They spread at first, and no longer do."""
    last = stream.last
    if len(stream.snapshots) < SIDES or not _inputs_differ(last) or _has_targets(last.loss):
        return []
    names = [last.graph.sites[reading.site].name for reading in directions(last)]
    spreads = [[spread_of(s, name) for name in names] for s in (stream.first, *stream.latest)]
    if len(names) < SIDES or not np.isfinite(spreads).all():
        return []
    first, latest = float(np.min(spreads[0])), float(np.max(spreads[1:]))
    if latest < SPREAD and first > SHRUNK * latest:
        return [_finding(stream, names, first, latest)]
    return []


def _are_drawn(stream: Stream) -> list[Finding]:
    """Nothing in the loss would keep them from it."""
    cosines = [int(loss.details.get(DRAWN, 0)) for loss in stream.readings]
    if len(cosines) < STEPS or not all(cosines):
        return []
    return [
        RULE.finding(
            Severity.WARNING,
            "nothing in the loss keeps embeddings apart: both sides of its cosines are trained",
            step=stream.first.step,
            measured=f"in {len(cosines)} recorded steps all there is to the loss is that "
            f"{counted(cosines[0], 'cosine')} of two embeddings become larger; the same weights "
            f"make both, and both send a gradient back{stream.course.remark}",
            expected="no gradient to one side of each cosine, or a term that drives samples apart",
            certainty="exact: the graph of all recorded steps",
            causes=("wrong_loss", "other"),
            remedies=(_STOP, _APART),
            evidence={"cosines": cosines[0]},
        )
    ]


def _inputs_differ(snapshot: Snapshot) -> bool:
    return snapshot.batch is not None and bool((snapshot.batch.features.span > 0).any())


def _has_targets(loss: LossReading | None) -> bool:
    return loss is None or loss.target is not None


def _finding(stream: Stream, names: Sequence[str], first: float, latest: float) -> Finding:
    return RULE.finding(
        Severity.WARNING,
        "all embeddings have become one direction, whatever the input",
        site=names[-1],
        step=stream.latest[0].step,
        measured=f"the variance of the embeddings is {latest:.2g} of their size at the end and "
        f"was {first:.2g} at first, while the inputs differ{stream.course.remark}",
        expected="embeddings that differ from one input to another",
        certainty=f"exact, on {len(stream.latest)} recorded steps",
        causes=("wrong_loss", "other"),
        remedies=(_APART, _STOP),
        evidence={"spread": latest, "spread_at_first": first},
    )


_APART = Remedy(
    "Push other samples away: a contrast within the batch.",
    "loss = F.cross_entropy(a @ b.T / 0.1, torch.arange(len(a)))",
)
_STOP = Remedy(
    "Stop the gradient of one side and predict it from the other (SimSiam).",
    "loss = -F.cosine_similarity(predictor(a), b.detach()).mean()",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(*angles: float, sides: int = 2, losses: Sequence[float] = example.FALLING) -> Trace:
    """Unit vectors in a plane, spread over these angles in turn, in each recorded step."""
    chain = example.chain("linear", "relu", "linear/2", *["div"] * sides, batch=16)
    sites = tuple(
        replace(site, kind=Kind.OTHER, details={"length_dim": -1})
        if site.operation == "div"
        else site
        for site in chain.sites
    )
    graph = Graph(sites, chain.edges)
    shots = []
    for number, angle in enumerate(angles):
        turned = np.linspace(0, angle, 16)
        vectors = example.sums(np.stack([np.cos(turned), np.sin(turned)], 1))
        shots.append(
            example.snapshot(
                graph,
                step=10 * number,
                sites=[SiteReading(3 + side, vectors) for side in range(sides)],
                loss=LossReading(losses[0]),
                batch=BatchReading((16, 4), example.sums(np.eye(16, 4))),
            )
        )
    return example.trace(*shots, losses=losses)


def _drawn(*angles: float) -> Trace:
    """A loss of nothing but cosines, whose embeddings spread all the same."""
    return example.marked(_example(*angles), {DRAWN: 2.0})


RULE = Rule(
    code="LOS034",
    name="embeddings-collapse",
    title="All embeddings become one direction",
    why="A loss that only draws embeddings together is lowest where all inputs have the same one. "
    "The loss then falls to its least value, and the network has forgotten what it was given.",
    sees="""
Two views of a sample are to have one embedding, and nothing keeps those of different samples apart:
no negative pairs, no stopped gradient, no term for the spread. Also a contrast that has given up.
""",
    evidence="""
Two sets of vectors of length 1 that the network made and the loss compares with one another. Over
the last quarter of the recorded steps their variance is almost nothing of their size, it was far
larger at first, and the inputs differ. Or, on the graph of all recorded steps: the loss is made of
cosines of two embeddings, and of nothing else, it makes them larger, and both embeddings have a
gradient to weights they share.
""",
    ignore="""
Networks often start with embeddings that point one way; only those that have lost their spread in
training are reported. A loss with targets is judged by its fit. One side without gradient, any
other term, a sign or a weight for each pair, and whitened embeddings are reasons to say nothing of
the graph.
""",
    references=("Chen & He 2021, Exploring Simple Siamese Representation Learning (CVPR)",),
    reads=frozenset({Quantity.ACTIVATIONS, Quantity.BATCH, Quantity.LOSS}),
    check=check,
    thresholds={
        "sides": SIDES,
        "units": UNITS,
        "unit": UNIT,
        "spread": SPREAD,
        "shrunk": SHRUNK,
        "steps": STEPS,
    },
    explains=("stopped-early", "constant-output", "dead-units", "loss-flat"),
    cases=(
        Case("collapsed", lambda: _example(2.0, 0.5, 0.01, 0.01), Severity.WARNING),
        Case(
            "collapsed, and the loss is flat",
            lambda: _example(2.0, 0.01, losses=example.FLAT),
            Severity.WARNING,
        ),
        Case("nothing keeps them apart", lambda: _drawn(2.0, 1.8, 1.9), Severity.WARNING),
        Case("near miss: in two steps", lambda: _drawn(2.0, 1.8), None),
        Case("near miss: narrow from the start", lambda: _example(0.05, 0.04, 0.04), None),
        Case("near miss: narrow, but not one direction", lambda: _example(2.0, 0.5, 0.3), None),
        Case("they spread", lambda: _example(0.1, 1.0, 2.0), None),
        Case("one side only", lambda: _example(2.0, 0.01, sides=1), None),
        Case("readings missing: no values", lambda: example.unread(_example(2.0, 0.01)), None),
    ),
)
