"""INI010: a normalisation over one element gives its bias, whatever comes in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lifesigns.evidence import Course, Stream
from lifesigns.evidence.thresholds import ENOUGH_STEPS, HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, Site, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

ELEMENTS = "elements"
"""The detail of such a site: how many elements are normalised together."""


def check(stream: Stream) -> Iterator[Finding]:
    """At most one finding per stream: of the first of them in forward order."""
    if not stream.snapshots:
        return
    over_one = [s for s in stream.last.graph.sites if s.details.get(ELEMENTS) == 1]
    if over_one:
        yield _finding(stream, over_one[0])


def _severity(course: Course) -> Severity:
    """The loss of all that goes through it is certain, whether it is missed is not."""
    return Severity.WARNING if course.steps < ENOUGH_STEPS else course.harm(HALF)


def _finding(stream: Stream, site: Site) -> Finding:
    return RULE.finding(
        _severity(stream.course),
        f"{site.name} normalises over one element: its output is its bias, whatever comes in",
        site=site.name,
        step=stream.snapshots[0].step,
        measured=f"each element of shape {list(site.shape)} is normalised by itself: it is its own "
        f"mean, and 0 is left; {stream.course}",
        expected="a normalisation over the features of a sample, which are more than one",
        certainty="exact, by the shape that is normalised",
        causes=("wrong_shape", "unnormalised_input", "vanishing", "other"),
        remedies=(_LATER, _DATA),
        evidence={"elements": 1},
    )


_LATER = Remedy(
    "Normalise where there are several features: behind the layer that makes them.",
    "h = nn.LayerNorm(width)(nn.Linear(1, width)(x))",
    edit="drop-norm",
)
_DATA = Remedy(
    "Or standardise the feature with the mean and spread of the training data.",
    "x = (x - train_x.mean()) / train_x.std()",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(losses: Sequence[float] = FLAT, *, details: bool = True) -> Trace:
    graph = example.chain("layer_norm/1", "linear", "relu", "linear/1", "mse_loss", units=1)
    if details:
        sites = (example.with_details(graph.sites[0], **{ELEMENTS: 1.0}), *graph.sites[1:])
        graph = replace(graph, sites=sites)
    known = example.regression(losses, update=1e-3)
    return replace(known, snapshots=tuple(replace(s, graph=graph) for s in known.snapshots))


RULE = Rule(
    code="INI010",
    name="norm-over-one-feature",
    title="A normalisation over one element",
    why="What is normalised by itself is its own mean: the difference is 0, and only the bias is "
    "left. Nothing of the input gets through, and no gradient gets back.",
    sees="""
`nn.LayerNorm(1)` on series or sensors of one feature, on an output of one unit, or a `GroupNorm`
with as many groups as channels over a single position. All samples look the same from there on:
the loss stays at that of a constant prediction, and other findings name the consequences.
""",
    evidence="""
The shape that a layer normalisation keeps, and the channels of a group with their positions: one
element in all. It is an error where nothing is learned, and a note where the loss is fine without
what is lost.
""",
    ignore="""
A normalisation over one sample at several positions, or over several channels, keeps differences.
Root mean square normalisation of one element keeps its sign. torch itself refuses a batch or
instance normalisation over one element in training.
""",
    references=("Ba et al. 2016, Layer Normalization, section 3",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"half": HALF, "steps": ENOUGH_STEPS},
    explains=(
        "constant-output",
        "dead-from-birth",
        "dead-units",
        "vanishing-gradient",
        "zero-gradient",
        "signal-fades",
        "loss-flat",
        "labels-unrelated",
        "rate-too-low",
        "order-unseen",
    ),
    cases=(
        Case("the input is wiped out", _example, Severity.ERROR),
        Case("a preview of few steps", lambda: _example(FLAT[:5]), Severity.WARNING),
        Case("near miss: several features", lambda: _example(details=False), None),
        Case("the loss is fine without it", lambda: _example(FALLING), None),
        Case("readings missing: nothing was recorded", Trace, None),
    ),
)
