"""ACT007: a dropout that leaves little of what it reads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from lifesigns.evidence import Stream
from lifesigns.evidence.sites import listed
from lifesigns.evidence.thresholds import HALF, HEAVY_DROPOUT, JUDGED
from lifesigns.records import Finding, Kind, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, for the dropout of the largest probability."""
    graph, course = stream.last.graph, stream.course
    sites = [graph.sites[i] for i in graph.of_kind(Kind.DROPOUT)]
    dropped = {site.name: site.details.get("p", 0.0) for site in sites}
    heavy = {name: share for name, share in dropped.items() if HEAVY_DROPOUT < share < 1}
    if not heavy or course.steps < JUDGED or course.gain > HALF:
        return
    name = max(heavy, key=lambda site: heavy[site])
    share = heavy[name]
    yield RULE.finding(
        Severity.WARNING,
        f"{name} drops {share:.0%} of what it reads",
        site=name,
        step=stream.last.step,
        measured=f"{share:.0%} of the values are set to 0 at {listed(list(heavy))}: where weights "
        f"are drawn at random, the noise is {math.sqrt(share / (1 - share)):.1f} times the signal"
        + course.remark,
        expected="a probability of 0.1 to 0.5: it is the share that is dropped, not kept",
        certainty="exact: read from the mask",
        causes=("other",),
        remedies=(
            Remedy(
                "Drop less; what other libraries call keep_prob is one minus this.",
                "nn.Dropout(1 - keep_prob)",
                edit="drop-less",
            ),
        ),
        evidence={"dropped": share},
    )


# --- cases ----------------------------------------------------------------------------------------
_MORE = [0.4 + 0.5 * 0.97**step for step in range(200)]
_HALF_WAY = [0.7 + 0.5 * 0.97**step for step in range(200)]


def _example(p: float, losses: Sequence[float] = _HALF_WAY) -> Trace:
    graph = example.chain("linear", "relu", "dropout", "linear", "mse_loss")
    sites = [
        replace(site, details={"p": p}) if site.kind is Kind.DROPOUT else site
        for site in graph.sites
    ]
    graph = replace(graph, sites=tuple(sites))
    known = example.regression(losses, update=1e-3)
    return replace(known, snapshots=tuple(replace(s, graph=graph) for s in known.snapshots))


RULE = Rule(
    code="ACT007",
    name="heavy-dropout",
    title="A dropout that leaves little of what it reads",
    why="Dropout is noise that is large where little is kept: with nine of ten values gone, what "
    "a layer sees has three times as much of it as of signal. In PyTorch the number is the share "
    "that is dropped, in others the share that is kept.",
    sees="""
`nn.Dropout(keep_prob)` with a probability of 0.8 or 0.9, taken from TensorFlow 1 or from a paper
that says what is kept.
""",
    evidence="""
The probability of each dropout of the last recorded step, read from the mask by which the kept
values are scaled, and the fit of the network to its targets.
""",
    ignore="""
A network that explains more than half of its targets all the same is none of its business, nor is
a dropout of everything, which another rule reports. What is hidden of the input on purpose, as in
masked autoencoders, is not done by dropout as a rule; ignore it at that place where it is.
""",
    references=("Srivastava et al. 2014, Dropout: section 7.3, the effect of the dropout rate",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"heavy": HEAVY_DROPOUT, "half": HALF, "steps": JUDGED},
    explains=("loss-flat", "labels-unrelated", "rate-too-low", "stopped-early"),
    cases=(
        Case("nine tenths", lambda: _example(0.9), Severity.WARNING),
        Case("four fifths", lambda: _example(0.8), Severity.WARNING),
        Case("near miss: two thirds", lambda: _example(0.66), None),
        Case("near miss: it fits all the same", lambda: _example(0.9, example.FALLING), None),
        Case("near miss: the loss is more than halved", lambda: _example(0.8, _MORE), None),
        Case("half", lambda: _example(0.5), None),
        Case(
            "readings missing: the probability is not known",
            lambda: example.regression(_HALF_WAY, update=1e-3),
            None,
        ),
    ),
)
