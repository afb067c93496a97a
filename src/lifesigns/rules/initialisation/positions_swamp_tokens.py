"""INI011: what is added for the position is so large that nothing is left of the token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import WEAK
from lifesigns.records import Finding, Kind, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MARK = "token_share"
"""The detail of a loss that holds how far rows at one position differ over how far all rows do."""
SWAMPED = Threshold(
    0.03,
    "spread of the rows at one position over that of all rows",
    "arithmetic: tokens of 0.02 beside sines and cosines, whose RMS is 0.7",
)


def check(stream: Stream) -> Iterator[Finding]:
    """At most one finding per stream, where the fit is weak."""
    known = [one.details[MARK] for one in stream.marked(MARK)]
    if not known or not 0 < max(known[0], float(np.median(known))) < SWAMPED:
        return
    severity = stream.course.harm(WEAK)
    if severity is not Severity.NOTE:
        yield _finding(stream, severity, known)


def _finding(stream: Stream, severity: Severity, known: Sequence[float]) -> Finding:
    return RULE.finding(
        severity,
        f"what is added for the position is {1 / known[0]:.2g} times as large as the tokens, which "
        "are lost in it",
        site=_embedding(stream),
        step=stream.first.step,
        measured="rows that the first attention is given differ between sequences, at one "
        f"position, by {known[0]:.2g} of how they differ over all positions in the first recorded "
        f"step, by {np.median(known):.2g} in the median of {counted(len(known), 'recorded step')}"
        + stream.course.remark,
        expected="tokens and positions of about one size: a share of 0.7",
        certainty="exact for the shares; the harm by the course of the loss",
        causes=("bad_init", "unnormalised_input"),
        remedies=(_SCALE, _SMALL),
        evidence={"share": known[0]},
    )


def _embedding(stream: Stream) -> str:
    graph = stream.first.graph
    return next((graph.sites[i].name for i in graph.of_kind(Kind.EMBEDDING)), "")


_SCALE = Remedy(
    "Give the tokens the size of the positions: sines and cosines have an RMS of 0.7.",
    "nn.init.normal_(tokens.weight, std=1.0)\n"
    "# or, where its rows are 1 / √width: x = tokens(ids) * width**0.5 + positions",
    edit="size-embeddings",
)
_SMALL = Remedy(
    "Or make the positions as small as the tokens: learned ones, drawn alike.",
    "nn.init.normal_(tokens.weight, std=0.02)\nnn.init.normal_(positions.weight, std=0.02)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    *shares: float, losses: Sequence[float] = example.FLAT, correlation: float = 0.0
) -> Trace:
    known = example.regression(losses, update=1e-3, correlation=correlation)
    embedding, *others = known.snapshots[0].graph.sites
    embedding = replace(embedding, kind=Kind.EMBEDDING, module="embed", shape=(16, 6, 8))
    graph = replace(known.snapshots[0].graph, sites=(embedding, *others))
    shots = tuple(
        replace(shot, graph=graph, loss=replace(shot.loss, details={MARK: share} if share else {}))
        for shot, share in zip(known.snapshots, shares, strict=True)
        if shot.loss
    )
    return replace(known, snapshots=shots)


RULE = Rule(
    code="INI011",
    name="positions-swamp-tokens",
    title="Position vectors are so large that nothing is left of the tokens",
    why="A token and its position are added up, so the larger of the two is what attention "
    "compares, and a normalisation keeps their ratio. Where the position is a hundred times as "
    "large, all sequences look alike to the network.",
    sees="""
An embedding that was initialised with a deviation of 0.02, as where positions are learned, and
sines and cosines of an RMS of 0.7 beside it. Or the positions are multiplied by the square root of
the width, where the tokens should be.
""",
    evidence="""
The rows that the maps before the first attention are given: how far they differ between the
sequences of a batch at one position, over how far all rows differ, by as many tokens as differ
there. What a dropout made 0 is left out. Below 0.03 in the first recorded step and in the median,
and only if the fit is weak.
""",
    ignore="""
Adam moves small embeddings as fast as large ones, so a network may grow out of it: while it learns
nothing is said. Where most sequences have the same token at a position, there is little to tell.
""",
    references=(
        "Vaswani et al. 2017, Attention Is All You Need, sections 3.4 and 3.5",
        "Radford et al. 2018, Improving Language Understanding by Generative Pre-Training, 4.1",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"swamped": SWAMPED, "weak": WEAK},
    explains=(
        "labels-unrelated",
        "loss-flat",
        "constant-output",
        "stopped-early",
        "signal-fades",
        "rate-too-low",
    ),
    cases=(
        Case("two hundred times as large", lambda: _example(*[0.005] * 5), Severity.ERROR),
        Case(
            "it creeps",
            lambda: _example(*[0.005] * 5, losses=[1.0] * 50 + [0.9] * 50),
            Severity.WARNING,
        ),
        Case(
            "near miss: it learns",
            lambda: _example(*[0.005] * 5, losses=example.FALLING),
            None,
        ),
        Case("near miss: tokens grow", lambda: _example(0.005, 0.01, 0.3, 0.5, 0.6), None),
        Case("near miss: a tenth", lambda: _example(*[0.1] * 5), None),
        Case("readings missing: no loss", lambda: example.unread(_example(*[0.005] * 5)), None),
    ),
)
