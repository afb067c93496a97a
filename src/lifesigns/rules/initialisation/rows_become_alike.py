"""INI006: averaging over neighbours, layer after layer, until all rows are the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.signal import Layer, layers
from lifesigns.evidence.thresholds import CALIBRATED, NOTHING
from lifesigns.records import (
    Finding,
    Mixing,
    Quantity,
    Remedy,
    Severity,
    SiteReading,
    Snapshot,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

DEPTH = Threshold(6, "weighted layers from which averaging is deep", "Li et al. 2018: two are best")
ALIKE = Threshold(
    0.25,
    "deviation between rows over their size, last layer over first",
    f"{CALIBRATED}: twenty ReLU layers that mix nothing keep a third",
)
MIXED = Threshold(0.5, "share of the other rows that an output depends on", "most of the graph")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, at the last layer that was read."""
    if not any(_mixes(s.mixing) for s in stream.snapshots):
        return
    middle = sorted(stream.snapshots, key=_left)[len(stream.snapshots) // 2]
    if _left(middle) < ALIKE:
        yield _finding(stream, middle)


def _mixes(mixing: Mixing | None) -> bool:
    return mixing is not None and mixing.mixed > MIXED * mixing.samples


def _differences(snapshot: Snapshot) -> list[tuple[Layer, float]]:
    """The layers with a signal, and how much of it tells rows apart: 1 for centred values."""
    return [(x, x.deviation / x.rms) for x in layers(snapshot) if x.rms > 0]


def _left(snapshot: Snapshot) -> float:
    """Of what tells rows apart at the first layer, the share that reaches the last of many."""
    known = [share for _, share in _differences(snapshot)]
    return known[-1] / known[0] if len(known) >= DEPTH and known[0] > 0 else 1.0


def _finding(stream: Stream, middle: Snapshot) -> Finding:
    known = _differences(middle)
    (entry, first), (end, last) = known[0], known[-1]
    mixing = next(s.mixing for s in stream.snapshots if s.mixing and _mixes(s.mixing))
    nothing = stream.course.harmed or stream.course.harm(NOTHING) is not Severity.NOTE
    return RULE.finding(
        Severity.WARNING if nothing else Severity.NOTE,
        f"rows become alike on their way through {len(known)} layers that mix them",
        site=end.site.name,
        step=middle.step,
        measured=f"rows differ by {first:.0%} of their size at {entry.site.name} and by {last:.0%} "
        f"at {end.site.name}; an output depends on {mixing.mixed} of {mixing.samples} other rows"
        + stream.course.remark,
        expected=f"at least {ALIKE:.0%} of the first layer's difference between rows",
        certainty="half of the recorded steps show as little or less",
        causes=("vanishing", "capacity", "other"),
        remedies=(
            Remedy("Take fewer rounds: two or three reach far enough.", "model = GCN(layers=2)"),
            Remedy(
                "Or keep what a row was before its neighbours were added.",
                "x = x + layer(x, edges)  # or concatenate the first layer's x",
                "insert-residual",
            ),
        ),
        evidence={"first": first, "last": last, "layers": len(known)},
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(
    left: float,
    losses: Sequence[float],
    *,
    first: float | None = None,
    depth: int = 8,
    mixed: int = 15,
) -> Trace:
    """Layers of values around 1, of whose deviation this share is left at the last.

    Args:
        left: The share.
        losses: Of every step.
        first: The share in the first step, if it is another one.
        depth: Layers.
        mixed: Other rows that an output depends on.
    """
    graph = example.chain(*["linear", "relu"] * depth, "linear", "mse_loss", units=8)
    reached = example.inputs(graph, np.geomspace(1, left, depth + 1).tolist())
    at_first = example.inputs(graph, np.geomspace(1, first or left, depth + 1).tolist())
    known = example.steady(
        graph,
        losses,
        sites=_around(reached["sites"]),
        first=_around(at_first["sites"]),
        batch=reached["batch"],
    )
    return example.asked(known, Mixing(samples=15, mixed=mixed))


def _around(readings: Sequence[SiteReading]) -> list[SiteReading]:
    """The same values, around 1."""
    return [example.shifted(reading, 1.0) for reading in readings]


RULE = Rule(
    code="INI006",
    name="rows-become-alike",
    title="Layers that mix rows make them all alike",
    why="A round of message passing replaces a row by a mean of its neighbours, and means differ "
    "less than what they are means of. After many rounds every node carries the same features, "
    "whatever their size, and nothing behind can tell the nodes apart.",
    sees="""
A graph network of ten or twenty rounds, or attention without residual branches, stacked: its
features keep their size, and lose what distinguishes one node from another (oversmoothing).
""",
    evidence="""
For each layer with weights, the deviation between rows over their size. In at least half of the
recorded steps, the last layer has less than a quarter of what the first one had. That the rows are
mixed on purpose shows in the gradient of one output, which reaches most of the other rows.
""",
    ignore="""
It is a note where the network learns. Layers that mix nothing make rows alike much more slowly.
""",
    references=(
        "Li, Han & Wu 2018, Deeper Insights into Graph Convolutional Networks",
        "Oono & Suzuki 2020, Graph Neural Networks Exponentially Lose Expressive Power",
    ),
    reads=frozenset({Quantity.ACTIVATIONS, Quantity.BATCH, Quantity.LOSS, Quantity.MIXING}),
    check=check,
    thresholds={"depth": DEPTH, "alike": ALIKE, "mixed": MIXED, "nothing": NOTHING},
    explains=(
        "dead-from-birth",
        "dead-units",
        "loss-flat",
        "constant-output",
        "signal-fades",
        "stopped-early",
        "vanishing-gradient",
        "rate-too-low",
        "weights-decay-away",
    ),
    cases=(
        Case("to a tenth over nine layers", lambda: _example(0.1, FLAT), Severity.WARNING),
        Case("to nothing", lambda: _example(1e-3, FLAT), Severity.WARNING),
        Case("near miss: it learns", lambda: _example(0.1, FALLING), None),
        Case("near miss: nothing is mixed", lambda: _example(0.1, FLAT, mixed=0), None),
        Case("near miss: four layers", lambda: _example(0.1, FLAT, depth=3), None),
        Case("not yet at first", lambda: _example(0.1, FLAT, first=0.5), Severity.WARNING),
        Case("near miss: in the first step alone", lambda: _example(0.5, FLAT, first=0.1), None),
        Case("rows keep their differences", lambda: _example(1.0, FLAT), None),
        Case("readings missing: nothing", lambda: example.unread(_example(0.1, FLAT)), None),
    ),
)
