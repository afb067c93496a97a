"""ACT008: a softmax that chooses within the network, and gives one place all from the start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold
from lifesigns.evidence.output import normalised_dim
from lifesigns.evidence.sites import listed
from lifesigns.evidence.softmax import (
    concentration,
    concentration_of_mask,
    is_the_only_way,
    products,
    weighs_data,
)
from lifesigns.evidence.thresholds import ENOUGH_STEPS, FITTED, HALF, WEAK
from lifesigns.records import (
    Finding,
    Floats,
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
from lifesigns.rules.testing import FALLING, FLAT

PLACES = Threshold(3, "places that share a sum of 1", "two: a sigmoid, which may well be sure")
CONCENTRATED = Threshold(
    0.9,
    "sum of squared shares over the places, on average",
    "arithmetic: 12 normal scores with a deviation of 1 have 0.17, with one of 20 they have 0.92",
)
OPEN = Threshold(
    0.5,
    "sum of squared shares over the places that a mask leaves, if they were alike",
    "arithmetic: two places that are open",
)
SAME = Threshold(
    0.8, "sum of squared mean shares over the places, of one for all samples", "a majority by far"
)
FIRST = 3
"""Steps whose median loss is the one that training began with."""


@dataclass(frozen=True)
class _Softmax:
    """A softmax that gave one place nearly everything in the first recorded step."""

    site: Site
    index: int
    squares: tuple[float, ...]
    """Its concentration in each recorded step, from the first on."""
    is_same: bool
    """Whether it is the same place for all samples."""


def check(stream: Stream) -> Iterator[Finding]:
    """At most one finding per stream: the first such softmax leads, the others are named."""
    found = [] if _is_trained(stream.course) else list(_saturated(stream))
    if found:
        yield _finding(stream, found)


def _is_trained(course: Course) -> bool:
    """Whether the first losses are those of a network that has learned before."""
    if not course.steps or not course.baseline > 0:
        return False
    learned = 1 - float(np.median(course.curve[:FIRST])) / course.baseline
    return learned > HALF


def _saturated(stream: Stream) -> Iterator[_Softmax]:
    first = stream.first
    for index in first.graph.of_kind(Kind.SOFTMAX):
        site = first.graph.sites[index]
        chooses = products(first.graph, index) or weighs_data(first.graph, index)
        if site.operation != "softmax" or not chooses:
            continue
        squares = [_squares(snapshot, site.name) for snapshot in stream.snapshots]
        known = tuple(value for value in squares if np.isfinite(value))
        if known and min(squares[0], float(np.median(known))) > CONCENTRATED:
            yield _Softmax(site, index, known, _is_same(site, first))


def _squares(snapshot: Snapshot, name: str) -> float:
    """Its concentration; NaN where it was not read, has few places, or a mask leaves few open."""
    reading = snapshot.reading_of(name)
    if reading is None or reading.value is None:
        return float("nan")
    site, value = snapshot.graph.sites[reading.site], reading.value
    if len(site.shape) < 2 or value.units != site.units:
        return float("nan")
    few = site.shape[normalised_dim(site)] < PLACES
    masked = concentration_of_mask(site, value) > OPEN
    return float("nan") if few or masked else concentration(site, value)


def _is_same(site: Site, snapshot: Snapshot) -> bool:
    reading = snapshot.reading_of(site.name)
    along = normalised_dim(site) == site.unit_dim % len(site.shape)
    if not along or reading is None or reading.value is None:
        return False
    return float((reading.value.mean**2).sum()) > SAME


def _severity(stream: Stream, found: _Softmax) -> Severity:
    """Where all goes through it, a fit that is not complete is enough."""
    course, graph = stream.course, stream.first.graph
    end = stream.first.loss.site if stream.first.loss else -1
    if course.steps < ENOUGH_STEPS or course.opposed:
        return Severity.NOTE
    only = is_the_only_way(graph, found.index, end) and course.gain < FITTED
    harm = course.harmed or course.harm(WEAK) is not Severity.NOTE
    return Severity.WARNING if only or harm else Severity.NOTE


def _finding(stream: Stream, found: list[_Softmax]) -> Finding:
    origin, rest = found[0], [other.site.name for other in found[1:]]
    site, places = origin.site, origin.site.shape[normalised_dim(origin.site)]
    return RULE.finding(
        _severity(stream, origin),
        f"{site.name} gives the same one of {places} places nearly everything from the first step"
        if origin.is_same
        else f"{site.name} gives one of {places} places nearly everything from the first step: "
        "its scores are too large",
        site=site.name,
        step=stream.first.step,
        measured=f"the squared shares add up to {origin.squares[0]:.2g} in the first recorded step "
        f"and to {np.median(origin.squares):.2g} in the median of {len(origin.squares)}"
        + (f"; also {listed(rest)}" if rest else "")
        + stream.course.remark,
        expected=f"before anything is learned, shares that are much alike: {1 / places:.2g} if all "
        f"are, and below {CONCENTRATED:.1g}",
        certainty="exact for the shares, whose slope is p (1 - p); the harm by the course of the "
        "loss",
        causes=("bad_init", "saturated"),
        remedies=(_EVEN, _NOISE) if origin.is_same else (_SCALE,),
        evidence={"squares": origin.squares[0], "places": places, "softmaxes": len(found)},
    )


_SCALE = Remedy(
    "Divide the scores by the square root of the number of features that each product adds up.",
    "shares = (queries @ keys.transpose(-2, -1) / queries.shape[-1] ** 0.5).softmax(-1)",
    edit="scale-scores",
)
_EVEN = Remedy(
    "Start the gate without a preference: small weights and a bias of 0.",
    "nn.init.normal_(gate.weight, std=0.02)\nnn.init.zeros_(gate.bias)",
)
_NOISE = Remedy(
    "Let the gate try others: add noise to its scores, and a loss that balances the load.",
    "shares = (gate(x) + torch.randn_like(gate(x))).softmax(-1)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    scale: float,
    losses: tuple[float, ...] = FLAT,
    *,
    places: int = 12,
    masked: bool = False,
    same: bool = False,
    late: float | None = None,
    beside: bool = False,
) -> Trace:
    """Scores with such a deviation, and values that are weighed with their softmax."""
    graph = example.chain(
        "linear", "softmax", "mul", "linear/1", "mse_loss", units=places, batch=64
    )
    sites = list(example.chain("linear", "softmax", "mul", "linear/1", "mse_loss", "linear").sites)
    sites[:5] = graph.sites
    sites[1] = example.with_details(sites[1], dim=-1)
    sites[2] = Site("2", "mul", 0, Kind.OTHER, (64, places))
    edges = (*graph.edges, (5, 2), *(((5, 3),) if beside else ()))
    graph = Graph(tuple(sites), edges)
    read = [SiteReading(1, example.sums(_shares(scale, places, masked, same)))]
    last = read if late is None else [SiteReading(1, example.sums(_shares(late, places)))]
    loss = LossReading(1.0, site=4)
    return example.steady(graph, list(losses), first=read, sites=last, loss=loss)


def _shares(scale: float, places: int, masked: bool = False, same: bool = False) -> Floats:
    scores: Floats = scale * np.random.default_rng(0).standard_normal((64, places))
    scores[:, 0] += 30 * same
    if masked:
        scores[:, 1:] = -np.inf
    shares: Floats = np.exp(scores - scores.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    return shares


RULE = Rule(
    code="ACT008",
    name="softmax-starts-saturated",
    title="A softmax within the network is all but one-hot from the start",
    why="The slope of a softmax is p (1 - p): next to nothing where one place has everything. "
    "Chance decided which place that is, and what makes the scores gets no gradient to change it.",
    sees="""
The weights of attention, or the gate of a mixture of experts, that are 0 and 1 before anything was
learned. Scores that are sums of many products have a deviation of the square root of their number:
undivided, or multiplied by that root, they leave one winner. A gate whose bias prefers one expert
by 30 sends it every sample, and the others never learn.
""",
    evidence="""
The sum of the squared shares of a softmax that is multiplied with other values of the network: 1
where one place has everything, 1/n where all are alike. It is above 0.9 in the first recorded step,
and in the median of the recorded steps. It alarms where all that the output knows goes through it
and the fit is not complete; where something goes around it, as in a residual block, if nothing was
learned, or little.
""",
    ignore="""
A network that has been trained may well be sure: it is left alone if its first losses are good.
So are masks and padding that leave one place, two places, and the probabilities of an output or a
policy. Gumbel noise at a temperature of 1 has 0.2 to 0.5 and reaches 0.9 at 0.1: start warmer.
""",
    references=(
        "Vaswani et al. 2017, Attention Is All You Need, section 3.2.1",
        "Shazeer et al. 2017, Outrageously Large Neural Networks, sections 2.1 and 4",
    ),
    reads=frozenset({Quantity.ACTIVATIONS, Quantity.LOSS}),
    check=check,
    thresholds={
        "places": PLACES,
        "concentrated": CONCENTRATED,
        "open": OPEN,
        "same": SAME,
        "fitted": FITTED,
        "weak": WEAK,
        "trained": HALF,
        "steps": ENOUGH_STEPS,
    },
    explains=(
        "zero-gradient",
        "vanishing-gradient",
        "signal-fades",
        "constant-output",
        "labels-unrelated",
        "loss-flat",
    ),
    cases=(
        Case("scores with a deviation of 60", lambda: _example(60), Severity.WARNING),
        Case("one place for all samples", lambda: _example(1, same=True), Severity.WARNING),
        Case("near miss: a preview of few steps", lambda: _example(60, FLAT[:20]), None),
        Case("near miss: scores with a deviation of 2", lambda: _example(2), None),
        Case("near miss: sure at first only", lambda: _example(60, late=1), None),
        Case("near miss: a mask leaves one place", lambda: _example(1, masked=True), None),
        Case("near miss: two places", lambda: _example(60, places=2), None),
        Case(
            "near miss: something goes around it, and it learns",
            lambda: _example(60, FALLING, beside=True),
            None,
        ),
        Case("readings missing", lambda: example.unread(_example(60)), None),
    ),
)
