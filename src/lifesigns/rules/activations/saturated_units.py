"""ACT002: hidden units stuck on the flat ends of their activation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold
from lifesigns.evidence.scales import weight_gains
from lifesigns.evidence.shares import exceeding, within
from lifesigns.evidence.sites import is_hidden, is_rectifier, listed, merged, sample_count
from lifesigns.records import (
    BatchReading,
    Finding,
    Floats,
    Kind,
    Quantity,
    Remedy,
    Severity,
    Site,
    SiteReading,
    Snapshot,
    Trace,
    UnitSums,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

UNITS = Threshold(0.5, "share of a layer's units", "DeepDiagnosis (ICSE 2022)")
OBSERVATIONS = Threshold(0.5, "share of a unit's observations", "a majority: more often than not")
FILLING = Threshold(
    3.0,
    "input RMS that saturates a first layer by itself",
    "tanh is flat beyond 2.99, and Glorot keeps the input's scale",
)


@dataclass(frozen=True)
class _Layer:
    """A layer most of whose units sit on a flat end."""

    site: Site
    share: float
    among_all: tuple[float, float]
    """Where that share lies if all samples are counted."""
    observations: int
    steps: int
    since: int
    from_birth: bool

    def __str__(self) -> str:
        return f"{self.site.name} ({self.share:.0%})"


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream: the layer nearest the input leads, the others are named."""
    layers = list(_layers(stream))
    if layers:
        yield _finding(layers, _cause(layers[0], stream), stream.course)


def _layers(stream: Stream) -> Iterator[_Layer]:
    snapshots, recent = stream.snapshots, stream.latest
    graph = recent[-1].graph
    for index in graph.of_kind(Kind.ACTIVATION):
        site = graph.sites[index]
        if _can_saturate(site) and is_hidden(graph, index):
            each = _each(merged(recent, site.name))
            if len(each) and (share := float((each > OBSERVATIONS).mean())) > UNITS:
                first = stream.since(partial(_is_saturated, name=site.name))
                born = first == snapshots[0].step
                number = sample_count(recent, site.name)
                among_all = exceeding(each, OBSERVATIONS, number)
                yield _Layer(site, share, among_all, number, len(recent), first, born)


def _can_saturate(site: Site) -> bool:
    """Two flat ends, or one that is not a rectifier's zero."""
    low, high = (site.details.get(end) for end in ("min", "max"))
    one_sided = site.operation == "clamp" and (low is None or high is None)
    return not is_rectifier(site) and not one_sided and site.details.get("min_val") != 0


def _each(value: UnitSums | None) -> Floats:
    """For which share of what it saw each unit was saturated; those that saw nothing left out."""
    return np.empty(0) if value is None else value.saturated_share[value.count > 0]


def _is_saturated(snapshot: Snapshot, name: str) -> bool:
    """Whether most units were saturated for more than half of what they saw in this step."""
    each = _each(merged((snapshot,), name))
    return bool(len(each)) and (each > OBSERVATIONS).mean() > UNITS


def _finding(layers: list[_Layer], cause: str, course: Course) -> Finding:
    origin, rest = layers[0], layers[1:]
    harm = course.stalled or (course.worse_than_constant and not course.diverged)
    return RULE.finding(
        Severity.WARNING if harm else Severity.NOTE,
        f"{origin.share:.0%} of the units at {origin.site.name} look saturated"
        + (" from the first step on" if origin.from_birth else f" since step {origin.since}"),
        site=origin.site.name,
        step=origin.since,
        measured=f"{origin.share:.0%} of the units had a derivative below 1 % of its maximum in "
        f"most of {origin.observations} samples from the last {origin.steps} recorded steps"
        + (f"; also {listed(rest)}" if rest else "")
        + course.remark,
        expected=f"fewer than {UNITS:.0%} of the units on a flat end",
        certainty=f"of the units, over all samples of such steps: {within(origin.among_all)}",
        causes=(cause, "saturated") if cause == "unnormalised_input" else ("saturated", cause),
        remedies=_REMEDIES[cause],
        evidence={
            "saturated_share": origin.share,
            "layers": len(layers),
            "observations": origin.observations,
            "recorded_steps": origin.steps,
        },
        intervals={"saturated_share": origin.among_all},
    )


def _cause(origin: _Layer, stream: Stream) -> str:
    """Input, weights or steps: whichever is farthest from the usual."""
    if stream.is_raw or _fills(origin, stream):
        return "unnormalised_input"
    born = origin.from_birth or stream.has_large_weights
    return "bad_init" if born else "lr_too_high"


def _fills(origin: _Layer, stream: Stream) -> bool:
    """The first layer is saturated and its input larger than its first weights' gain."""
    start = next((s for s in stream.snapshots if origin.site.name in s.graph), stream.last)
    graph, gain = start.graph, dict(weight_gains(start))
    before = graph.predecessors(graph.find(origin.site.name))
    if len(before) != 1 or graph.predecessors(before[0]):
        return False
    name = graph.sites[before[0]].name
    return stream.input_rms > max(FILLING, gain.get(name, np.inf))


_REMEDIES = {
    "lr_too_high": (
        Remedy(
            "Lower the learning rate tenfold: large steps drove the weights outwards.",
            "for group in optimizer.param_groups:\n    group['lr'] *= 0.1",
            edit="scale-rate",
        ),
    ),
    "unnormalised_input": (
        Remedy(
            "Bring the inputs to mean 0 and spread 1.",
            "x = (x - x.mean(0)) / x.std(0)",
            edit="standardise-inputs",
        ),
    ),
    "bad_init": (
        Remedy(
            "Initialise with a spread that fits the fan-in (Glorot), with zero bias.",
            "nn.init.xavier_uniform_(layer.weight)\nnn.init.zeros_(layer.bias)",
            edit="initialise",
        ),
        Remedy(
            "Or use an activation that does not saturate.",
            "nn.ReLU()  # He initialisation",
            edit="swap-activation",
        ),
    ),
}


# --- cases ----------------------------------------------------------------------------------------


def _example(
    stuck: int,
    losses: Iterable[float],
    operation: str = "tanh",
    *,
    since: int = 0,
    scale: float = 1.0,
) -> Trace:
    graph = example.chain("linear", operation, "linear", "mse_loss", units=10, batch=32)
    saturated = np.zeros((32, 10), bool)
    saturated[:, :stuck] = True
    flat = SiteReading(1, example.sums(np.where(saturated, 1.0, 0.1), saturated=saturated))
    free = SiteReading(1, example.sums(np.full((32, 10), 0.1), saturated=np.zeros((32, 10), bool)))
    batch = BatchReading((32, 10), example.sums(np.full((32, 10), scale)))
    shots = (
        example.snapshot(graph, step=s, sites=[flat if s >= since else free], batch=batch)
        for s in range(0, 99, 9)
    )
    return example.trace(*shots, losses=list(losses))


RULE = Rule(
    code="ACT002",
    name="saturated-units",
    title="Hidden units stuck on the flat ends of their activation",
    why="Backpropagation multiplies by the activation's derivative, which is almost zero at the "
    "flat ends of sigmoid and tanh. What lies in front of saturated units therefore hardly learns, "
    "however wrong the output is.",
    sees="""
A sigmoid far from 0 gives 0 or 1, a tanh gives -1 or 1, and their curves are flat there. The
gradient that passes through a unit is multiplied by the slope of that curve, so a saturated unit
blocks it. Weights that are too large, raw inputs or a large step of the optimizer drive units
there.
""",
    evidence="""
A unit counts as saturated when the derivative of its activation was below 1 % of its maximum (for
tanh: beyond ±2.99, for sigmoid: beyond ±5.98) in more than half of what it saw over the last
quarter of the recorded steps. The rule speaks when more than half of a hidden layer's units are.
The interval says how many surely are, and how many may be, if all samples are counted (Hoeffding
1963).
""",
    ignore="""
Saturated units that carry a decision already learned are fine: as long as the loss falls this is
a note. It alarms only if the loss is stalled, or still above that of a constant prediction.
Output units may saturate: with cross-entropy the flat end cancels out.
""",
    references=(
        "Glorot & Bengio 2010, Understanding the Difficulty of Training Deep Feedforward "
        "Neural Networks",
        "Wardat et al. 2022, DeepDiagnosis (ICSE)",
    ),
    reads=frozenset({Quantity.ACTIVATIONS, Quantity.PARAMETERS, Quantity.BATCH, Quantity.LOSS}),
    check=check,
    thresholds={"units": UNITS, "observations": OBSERVATIONS, "input": FILLING},
    explains=("zero-gradient", "vanishing-gradient", "constant-output", "loss-flat"),
    cases=(
        Case("most units saturated, loss flat", lambda: _example(8, FLAT), Severity.WARNING),
        Case("units driven there by steps", lambda: _example(8, FLAT, since=27), Severity.WARNING),
        Case("raw inputs", lambda: _example(8, FLAT, scale=1e3), Severity.WARNING),
        Case("near miss: most units saturated, yet it learns", lambda: _example(8, FALLING), None),
        Case("few units saturated", lambda: _example(4, FLAT), None),
        Case("a rectifier's zero side", lambda: _example(8, FLAT, operation="relu"), None),
        Case(
            "most of a sigmoid layer saturated",
            lambda: _example(8, FLAT, operation="sigmoid"),
            Severity.WARNING,
        ),
        Case("readings missing: no derivatives", lambda: example.unread(_example(8, FLAT)), None),
    ),
)
