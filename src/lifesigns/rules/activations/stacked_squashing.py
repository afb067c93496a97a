"""ACT006: several squashing layers in a row that together pass on next to no gradient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.gradients import median_known, reach
from lifesigns.evidence.sites import is_hidden, listed
from lifesigns.evidence.thresholds import FADED_GRADIENT, LAYERS, WEAK
from lifesigns.functions import ACTIVATIONS
from lifesigns.records import Finding, Kind, Quantity, Remedy, Severity, Site, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

PRODUCT = Threshold(
    1e-3, "factor left of the gradient", "AutoTrainer (ICSE 2021): 1e-3 over the depth"
)
SATURATING = Threshold(0.1, "factor per layer below which units saturate", "sigmoid: 0.25")


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream, at the first of the layers in the row."""
    recent = stream.latest
    row = _row(recent[-1])
    product = median_known([_product(s, row) for s in recent])
    if len(row) >= LAYERS and product < PRODUCT:
        yield _finding(stream, row, product)


def _row(snapshot: Snapshot) -> list[Site]:
    """Hidden activations with two flat ends, each downstream of the one before it."""
    graph, row = snapshot.graph, list[Site]()
    reached: set[int] = set()
    for index, site in enumerate(graph.sites):  # in forward order: what flows into it came before
        follows = not reached.isdisjoint(graph.predecessors(index))
        if _squashes(site) and (follows or not row) and is_hidden(graph, index):
            row.append(site)
            reached = {index}
        elif follows:
            reached.add(index)
    return row


def _squashes(site: Site) -> bool:
    facts = ACTIVATIONS.get(site.operation) if site.kind is Kind.ACTIVATION else None
    return facts is not None and facts.saturates_low and facts.saturates_high


def _product(snapshot: Snapshot, row: list[Site]) -> float:
    """Product of the measured derivative factors; NaN where one was not measured."""
    wanted = {site.name: site for site in row}
    sites = enumerate(snapshot.graph.sites)
    readings = [snapshot.reading(i) for i, site in sites if wanted.get(site.name) == site]
    factors = [r.derivative_factor if r else float("nan") for r in readings]
    return float(np.prod(factors)) if len(factors) == len(row) else float("nan")


def _finding(stream: Stream, row: list[Site], product: float) -> Finding:
    course = stream.course
    reached = median_known([reach(s) for s in stream.latest])
    little = course.stalled or course.harm() is not Severity.NOTE
    harm = little and reached < FADED_GRADIENT
    each = product ** (1 / len(row))
    return RULE.finding(
        Severity.WARNING if harm else Severity.NOTE,
        f"{len(row)} squashing layers in a row pass on {product:.1g} of the gradient",
        site=row[0].name,
        step=stream.first.step,
        measured=f"{each:.2g} on average at {listed([site.name for site in row])}"
        + (f"; the first layer's gradient is {reached:.1g} of the last one's" if harm else "")
        + course.remark,
        expected=f"a product of derivative factors above {PRODUCT:g}",
        certainty="measured by the gradient before and after each activation",
        causes=("vanishing", "saturated") if each < SATURATING else ("vanishing", "bad_init"),
        remedies=_REMEDIES,
        evidence={"product": product, "layers": len(row), "reach": reached},
    )


_REMEDIES = (
    Remedy(
        "Replace the hidden activations by one that does not squash.",
        "nn.ReLU()  # with He initialisation, or nn.GELU()",
        edit="swap-activation",
    ),
    Remedy(
        "Give the gradient a short cut around the layers.",
        "x = x + block(x)",
        edit="insert-residual",
    ),
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    factor: float, losses: Sequence[float], operation: str = "sigmoid", fall: float = 0.25
) -> Trace:
    graph = example.chain(*["linear", operation] * 6, "linear", "mse_loss", units=4)
    read = example.with_gradients(example.weights(graph), [fall ** (6 - k) for k in range(7)])
    return example.steady(graph, losses, sites=example.slopes(graph, factor), parameters=read)


def _late(end: float) -> Trace:
    """Six sigmoids that stay at chance for most of a run, then come down to this share of it."""
    known = _example(0.2, FLAT)
    sign = np.tile([[-1.0], [1.0]], (16, 1))
    shot = known.snapshots[0]
    return example.fitting(
        shot.graph,
        [*FLAT, *[end] * 50],
        0.1 * sign,
        example.target(sign),
        sites=shot.sites,
        parameters=shot.parameters,
    )


RULE = Rule(
    code="ACT006",
    name="stacked-squashing",
    title="Squashing layers in a row that pass on no gradient",
    why="The gradient is multiplied by the slope of every activation that it passes, and the slope "
    "of a sigmoid is at most a quarter. Several of them in a row leave the first layers almost "
    "nothing to learn from.",
    sees="""
Sigmoid, tanh and their hard versions are flat at both ends. One of them is no harm; six sigmoids in
series pass on less than 1/4,000 of the gradient, even where each of them is at its steepest.
""",
    evidence="""
The gradient is measured before and after each of these activations; their ratio is the slope that
it met. The rule multiplies the ratios along a row of at least three, median over the last quarter
of the recorded steps. It alarms if the first layer's gradient has in fact faded against the last
one's, and the loss has stalled, or less than a fifth of the baseline was learned in the end.
""",
    ignore="""
Normalisation and residual connections bring the gradient past the flat layers, and Adam makes up
for a small one: while the gradient arrives, or the run learns, this is a note. Gates of recurrent
cells are squashing by design.
""",
    references=(
        "Glorot & Bengio 2010, section 3",
        "Nielsen, Neural Networks and Deep Learning, chapter 5",
    ),
    reads=frozenset({Quantity.GRADIENTS, Quantity.PARAMETERS, Quantity.LOSS}),
    check=check,
    thresholds={
        "layers": LAYERS,
        "product": PRODUCT,
        "reach": FADED_GRADIENT,
        "flat": SATURATING,
        "weak": WEAK,
    },
    explains=(
        "vanishing-gradient",
        "signal-fades",
        "one-sided-inputs",
        "constant-output",
        "loss-flat",
    ),
    cases=(
        Case("six sigmoids, loss flat", lambda: _example(0.2, FLAT), Severity.WARNING),
        Case("at chance for long, then 12 % below it", lambda: _late(0.88), Severity.WARNING),
        Case("near miss: at chance for long, then half of it", lambda: _late(0.5), None),
        Case("six saturated tanh", lambda: _example(0.05, FLAT, "tanh"), Severity.WARNING),
        Case("near miss: six sigmoids, yet it learns", lambda: _example(0.2, FALLING), None),
        Case(
            "near miss: flat, but the gradient arrives", lambda: _example(0.2, FLAT, fall=0.9), None
        ),
        Case("six tanh around zero", lambda: _example(0.8, FLAT, "tanh"), None),
        Case("readings missing", lambda: example.unread(_example(0.2, FLAT)), None),
    ),
)
