"""DAT069: a mean over all places comes before an output that is to say where something is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import HALF, SURE_STEPS
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

PLACED, TOLD, WINDOW = "placed_targets", "placed_and_told", "window_before_mean"
"""Details of a loss: how many columns of targets say where the picture stands out, of how many of
these the outputs explain about as much, and the side of a window before the mean."""
STEPS = Threshold(3, "recorded steps, at least", "a definition: more than an accident")
NARROW = Threshold(
    0.5,
    "share of the picture's side that a window before the mean has at most",
    "arithmetic: in the middle of the picture none reaches an edge",
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    told = [loss.details for loss in stream.readings if PLACED in loss.details]
    if not STEPS <= len(told) == len(stream.readings):
        return
    few, window = min(one[PLACED] for one in told), max(one[WINDOW] for one in told)
    if few < 1 or window > NARROW or any(one[TOLD] for one in told):
        return
    if not _stays_unlearned(stream):
        return
    yield RULE.finding(
        Severity.WARNING,
        "the outputs are to say where something is, and a mean over all places comes before them",
        step=stream.first.step,
        measured=f"in {len(told)} recorded steps {counted(int(few), 'target')} or more correlate "
        "by .8 or more with where the picture stands out, and the outputs leave four times as much "
        f"of each; before the mean a value sees {window:.0%} of the picture's side"
        + stream.course.remark,
        expected="places that reach the outputs: a grid, or the map itself",
        certainty="sure that the mean forgets the place, but for what the edges tell of it",
        causes=("capacity", "other"),
        remedies=(_GRID, _COORDINATES),
        evidence={"targets": int(few), "window": window},
    )


def _stays_unlearned(stream: Stream) -> bool:
    """Whether the run is long enough, and a loss that is not one of classes was not half fitted."""
    course = stream.course
    of_classes = course.kind in ("cross_entropy", "binary_cross_entropy")
    return course.steps >= SURE_STEPS and (of_classes or not course.gain > HALF)


_GRID = Remedy(
    "Leave a grid of places where the mean was taken: each place then has weights of its own.",
    "nn.Sequential(backbone, nn.AdaptiveAvgPool2d(6), nn.Flatten(), nn.Linear(36 * channels, 3))",
)
_COORDINATES = Remedy(
    "Or give the convolutions the coordinates of each pixel as two more channels.",
    "x = torch.cat([x, rows.expand(len(x), 1, h, w), columns.expand(len(x), 1, h, w)], 1)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    placed: float,
    *,
    told: float = 0.0,
    window: float = 0.4,
    known: bool = True,
    kind: str = "",
    losses: Sequence[float] = example.FLAT,
) -> Trace:
    """So many columns of targets say a place, and the outputs know so many of them."""
    trace = example.regression(losses, update=1e-3)
    shots = [
        replace(shot, loss=shot.loss and replace(shot.loss, kind=kind or shot.loss.kind))
        for shot in trace.snapshots
    ]
    trace = replace(trace, snapshots=tuple(shots))
    marks = {PLACED: placed, TOLD: told, WINDOW: window}
    return example.marked(trace, marks if known else {})


RULE = Rule(
    code="DAT069",
    name="places-averaged-away",
    title="A mean over all places comes before what is to say a place",
    why="A convolution answers the same wherever its window lies, and the mean over all places "
    "adds these answers up. What is left says what there is and how much of it, and of where it is "
    "only what the padding at the edges tells.",
    sees="""
A detector or a tracker of one thing on the backbone of a classifier, which ends in
`AdaptiveAvgPool2d(1)`: the class and the size are learned, and the centre only
roughly, late, or not at all.
""",
    evidence="""
The graph of a loss that compares numbers (squared error, smooth L1, Huber): the outputs come from
a mean over rows and columns alone, and that from convolutions and pools whose window is at most
half as wide as the picture. In every recorded step a column of the targets correlates by .8 or more
with the centre of what stands out in the picture, and the output leaves at least four times as much
of such a target unexplained as this centre does. A loss that is not one of
classes is not half fitted after a hundred steps.
""",
    ignore="""
Deep backbones whose window is wider learn places from the padding at the edges, and are left alone,
as are coordinates among the channels, and things that do not stand out by themselves.
""",
    references=(
        "Liu et al. 2018, An Intriguing Failing of Convolutional Neural Networks and CoordConv",
        "Islam et al. 2020, How Much Position Information Do Convolutional Neural Networks Encode?",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "steps": STEPS,
        "sure_steps": SURE_STEPS,
        "narrow": NARROW,
        "half": HALF,
    },
    explains=("loss-flat", "constant-output", "labels-unrelated"),
    cases=(
        Case("two columns of a centre", lambda: _example(2), Severity.WARNING),
        Case("one of them", lambda: _example(1, window=0.5), Severity.WARNING),
        Case(
            "beside a loss of classes", lambda: _example(2, kind="cross_entropy"), Severity.WARNING
        ),
        Case("near miss: much is learned", lambda: _example(2, losses=example.FALLING), None),
        Case("near miss: an output knows its place", lambda: _example(2, told=1), None),
        Case("near miss: windows reach the edges", lambda: _example(2, window=0.8), None),
        Case("near miss: no target says a place", lambda: _example(0), None),
        Case("no mean over places", lambda: _example(2, known=False), None),
        Case("readings missing: no loss", lambda: example.unread(_example(2)), None),
    ),
)
