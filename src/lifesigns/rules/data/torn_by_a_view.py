"""DAT065: a view inside the network exchanges the sizes of two axes and not the axes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count, takewhile

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

AT = "torn_values_at"
"""Detail of a loss: the site whose values are viewed."""
SIZES = "torn_{}_{}"
"""Details of a loss: a size `before` or `after` the view, by axis."""
STEPS = Threshold(2, "recorded steps with such a view", "one may be a trial")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    shots = [s for s in stream.snapshots if s.loss and AT in s.loss.details]
    if len(shots) < STEPS:
        return
    first = shots[0]
    details = first.loss.details if first.loss else {}
    site = first.graph.sites[int(details[AT])]
    before, after = (_sizes(details, when) for when in ("before", "after"))
    yield RULE.finding(
        stream.course.harm(HALF, alarms=True),
        f"what {site.name} gives, {_shown(before)}, is viewed as {_shown(after)}: the sizes of the "
        "axes are exchanged, and not the axes",
        site=site.name,
        step=first.step,
        measured="one memory is read with its sizes in another order, in "
        f"{counted(len(shots), 'recorded step')}{stream.course.remark}",
        expected="`transpose` or `permute`, which keep together what belongs together",
        certainty=f"exact, in {stream.seen}: the sizes before and behind the view",
        causes=("wrong_shape", "other"),
        remedies=(_EXCHANGE, _AS_IT_IS),
        evidence={"steps": len(shots), "first_size": before[0], "instead": after[0]},
    )


def _sizes(details: Mapping[str, float], when: str) -> list[int]:
    names = takewhile(details.__contains__, (SIZES.format(when, axis) for axis in count()))
    return [round(details[name]) for name in names]


def _shown(sizes: Iterable[int]) -> str:
    return f"({', '.join(map(str, sizes))})"


_EXCHANGE = Remedy(
    "Exchange the axes, in place of a view or a reshape.",
    "log_probs = log_probs.transpose(0, 1)  # (batch, time, class) to (time, batch, class); "
    "not reshape(t, b, c)",
)
_AS_IT_IS = Remedy(
    "Or leave them where they are, and tell what comes next which axis is which.",
    "layer = nn.GRU(width, width, batch_first=True)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(steps: int = 5, flat: bool = True, after: tuple[int, ...] = (35, 24, 7)) -> Trace:
    """Values of 24 samples are viewed in this many recorded steps."""
    known = example.regression(example.FLAT if flat else example.FALLING, update=1e-3)
    shapes = {"before": (24, 35, 7), "after": after}
    sizes = {SIZES.format(w, axis): float(n) for w, s in shapes.items() for axis, n in enumerate(s)}
    return example.marked_each(known, [{AT: 0.0, **sizes}] * steps)


RULE = Rule(
    code="DAT065",
    name="torn-by-a-view",
    title="A view inside the network tears its values",
    why="A view deals numbers out in the order in which they lie in memory, whatever they stand "
    "for. Read with two sizes exchanged, the first rows hold pieces of the first sample alone, no "
    "row is what its place says, and it is compared with the target of another one.",
    sees="""
The output of a network, (batch, time, class), that a loss or a layer wants with the time first:
`log_probs.reshape(t, b, c)` for a CTC loss, `x.view(t, b, d)` in front of a recurrent layer or of
attention, `feature_maps.view(b, h, w, c)` of (b, c, h, w) in front of boxes or of a classifier.
""",
    evidence="""
In the graph of the loss, the sizes before and behind a view, or several with nothing between them:
the same ones in another order, so that no axis was split into parts or joined with another.
""",
    ignore="""
Sizes of which one is a multiple of the other, as (32, 64) viewed as (64, 32), may be halves of
rows: they say nothing, nor do two axes of one length. What is given to the network that way has no
graph; `viewed-not-permuted` looks at it, at heads of attention and at last states. Where half of
the targets is fitted all the same, as where both sides of a loss are viewed alike, it is a note.
""",
    references=("PyTorch, `torch.Tensor.view` and `torch.nn.CTCLoss`",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS, "fit": HALF},
    explains=(
        "labels-unrelated",
        "loss-flat",
        "constant-output",
        "samples-mixed",
        "rate-too-low",
        "stopped-early",
    ),
    cases=(
        Case("in all recorded steps", _example, Severity.WARNING),
        Case("and something is learned", lambda: _example(flat=False), Severity.WARNING),
        Case("pictures", lambda: _example(after=(24, 7, 35)), Severity.WARNING),
        Case("near miss: one step", lambda: _example(steps=1), None),
        Case("near miss: no view", lambda: _example(steps=0), None),
        Case("readings missing: no loss", lambda: example.unread(_example()), None),
    ),
)
