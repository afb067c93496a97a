"""ACT009: a hidden sine whose argument goes around many times, so that all it keeps is noise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted, listed
from lifesigns.evidence.thresholds import ENOUGH_STEPS, WEAK
from lifesigns.records import (
    WEIGHTED,
    Finding,
    Graph,
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

PERIODIC = frozenset({"sin", "cos"})
AROUND = Threshold(
    2 * math.pi,
    "RMS of a hidden sine's argument, in radians",
    "arithmetic: a whole turn; SIREN starts with 1",
)


def check(stream: Stream) -> Iterator[Finding]:
    """At most one finding per stream: the first such layer leads, the others are named."""
    if len(stream.losses) < ENOUGH_STEPS:
        return
    first = dict(_arguments(stream.first))
    known = [dict(_arguments(snapshot)) for snapshot in stream.snapshots]
    found = []
    for name, size in first.items():
        sizes = [read[name] for read in known if name in read]
        if min(size, float(np.median(sizes))) > AROUND:
            found.append(name)
    if found:
        yield _finding(stream, found, first[found[0]], len(known))


def _arguments(snapshot: Snapshot) -> Iterator[tuple[str, float]]:
    """Hidden sines behind a sine, and about how large their argument is.

    The map between the two multiplies the signal on its way forward as it does the gradient on its
    way back, but for the number of units that each adds up, and both sines take away a root of 2.
    """
    graph = snapshot.graph
    for index, site in enumerate(graph.sites):
        between = graph.predecessors(index)
        if site.operation not in PERIODIC or len(between) != 1:
            continue
        layer = graph.sites[between[0]]
        if layer.kind not in WEIGHTED or not (layer.fan_in and layer.fan_out):
            continue
        if len(graph.successors(between[0])) > 1:
            continue  # as in the graph of a derivative: the gradient also comes another way
        before = graph.predecessors(between[0])
        if len(before) != 1 or graph.sites[before[0]].operation not in PERIODIC:
            continue
        back = _arrived(snapshot, before[0]) / _arrived(snapshot, index)
        if math.isfinite(back):
            yield site.name, back * math.sqrt(layer.fan_in / layer.fan_out)


def _arrived(snapshot: Snapshot, index: int) -> float:
    """RMS of the gradient of a site's value; NaN where it was not read, or is 0."""
    reading = snapshot.reading(index)
    arrived = reading.output_gradient if reading else None
    return arrived.rms if arrived is not None and arrived.rms > 0 else math.nan


def _finding(stream: Stream, found: Sequence[str], size: float, recorded: int) -> Finding:
    rest = f"; also {listed(found[1:])}" if len(found) > 1 else ""
    return RULE.finding(
        stream.course.harm(WEAK, alarms=True),
        f"the argument of {found[0]} has an RMS of about {size:.2g}, "
        f"{size / AROUND:.2g} whole turns",
        site=found[0],
        step=stream.first.step,
        measured=f"the gradient grows {size:.2g}-fold from {found[0]} to the sine before it, in "
        f"the first of {counted(recorded, 'recorded step')} and in their median{rest}"
        + stream.course.remark,
        expected=f"arguments of a hidden sine of about 1, and below {AROUND:.2g}",
        certainty="measured on the way back, where the same weights multiply",
        causes=("bad_init", "exploding"),
        remedies=(_DIVIDE,),
        evidence={"argument": size, "sines": len(found)},
    )


_DIVIDE = Remedy(
    "Draw the hidden weights within √(6 / fan-in), divided by the factor in front of them; the "
    "first layer alone is to be given high frequencies.",
    "bound = (6 / layer.in_features) ** 0.5 / omega\nnn.init.uniform_(layer.weight, -bound, bound)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    growth: float, losses: Sequence[float] = FLAT, *, late: float | None = None, word: str = "sin"
) -> Trace:
    """Three sines, and a gradient that grows by this on its way from each to the one before."""
    graph = example.chain(*["linear", word] * 3, "linear/1", "mse_loss")

    def read(factor: float) -> list[SiteReading]:
        sizes = ((5, 1.0), (3, factor), (1, factor**2))
        return [SiteReading(i, None, example.sums(np.full((8, 4), size))) for i, size in sizes]

    known = example.fitting(
        graph,
        losses,
        np.tile([[-0.1], [0.1]], (16, 1)),
        example.target(np.tile([[-1.0], [1.0]], (16, 1))),
        steps=(0, 1, 4, 16, -1),
    )
    shots = (
        example.snapshot(
            graph,
            step=s.step,
            sites=read(growth if not s.step or late is None else late),
            loss=s.loss,
        )
        for s in known.snapshots
    )
    return example.trace(*shots, losses=losses)


def _derived() -> Trace:
    """The loss also asks for a derivative, in whose graph each argument has a cosine."""
    known = _example(30)
    shots = []
    for shot in known.snapshots:
        last = len(shot.graph.sites) - 2
        edges = (*shot.graph.edges, *((layer, last) for layer in (0, 2, 4)))
        shots.append(replace(shot, graph=Graph(shot.graph.sites, edges)))
    return replace(known, snapshots=tuple(shots))


RULE = Rule(
    code="ACT009",
    name="sine-wraps-around",
    title="A hidden sine goes around many times within its usual arguments",
    why="A sine tells its arguments apart only within half a turn. Where they spread over many, "
    "two inputs that lie close together come out unlike, layer after layer, and the network learns "
    "its points by heart and nothing in between.",
    sees="""
A network of sines (SIREN) multiplies by a frequency of 30 in each layer, and its hidden weights are
made smaller by the same factor. With the usual initialisation the arguments are thirty times too
large: the loss comes to rest early, and the gradient explodes on its way back.
""",
    evidence="""
How much the gradient grows from one sine to the sine before it, with one layer between them. That
is how large the argument is in radians, as the same weights multiply on both ways (but for the
numbers of units, which are taken into account). It alarms above a whole turn in the first recorded
step and in the median, also where the fit is complete: nobody asks for what lies in between.
""",
    ignore="""
The first sine of a network is given high frequencies on purpose, and so are Fourier features: what
has no sine before it is not judged. Nor is a layer that a derivative of the network is made of, for
the gradient comes to it two ways.
""",
    references=(
        "Sitzmann et al. 2020, Implicit Neural Representations with Periodic Activation "
        "Functions, section 3.2",
    ),
    reads=frozenset({Quantity.GRADIENTS, Quantity.LOSS}),
    check=check,
    thresholds={"around": AROUND, "steps": ENOUGH_STEPS, "weak": WEAK},
    explains=(
        "exploding-gradient",
        "loss-flat",
        "labels-unrelated",
        "loss-oscillates",
        "gain-mismatch",
        "learned-by-heart",
        "stopped-early",
    ),
    cases=(
        Case("thirty times too large, flat", lambda: _example(30), Severity.ERROR),
        Case(
            "thirty times too large, and half is learned",
            lambda: _example(30, [1.0] * 50 + [0.5] * 50, late=20),
            Severity.WARNING,
        ),
        Case("learned by heart", lambda: _example(30, FALLING), Severity.WARNING),
        Case("near miss: arguments of 2", lambda: _example(2), None),
        Case("near miss: at first only", lambda: _example(30, late=1), None),
        Case("near miss: another activation", lambda: _example(30, word="relu"), None),
        Case("near miss: in the graph of a derivative", _derived, None),
        Case("near miss: a preview of few steps", lambda: _example(30, FLAT[:20]), None),
        Case("readings missing", lambda: example.unread(_example(30)), None),
    ),
)
