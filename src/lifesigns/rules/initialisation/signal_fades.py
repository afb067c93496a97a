"""INI003: the forward signal fades with depth from the first step on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lifesigns.evidence import Stream
from lifesigns.evidence.fold import fold
from lifesigns.evidence.signal import fade, is_extinct, layers, living
from lifesigns.evidence.thresholds import FADED_SIGNAL, FADING_SIGNAL, SQUASHING
from lifesigns.functions import ACTIVATIONS
from lifesigns.records import Finding, Kind, Quantity, Remedy, Severity, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream, at the last layer that the signal reaches."""
    first = stream.first
    if fade(first) < FADING_SIGNAL:
        yield _finding(stream, first)


def _finding(stream: Stream, first: Snapshot) -> Finding:
    course, known, ratio = stream.course, layers(first), fade(first)
    extinct, depth = is_extinct(first), len(known)
    known = living(known) if extinct else known
    stayed = fade(stream.latest[-1]) < FADING_SIGNAL
    harm = stream.course.harmed and stayed and ratio < FADED_SIGNAL
    squashed = _squashes(first)
    return RULE.finding(
        Severity.WARNING if harm else Severity.NOTE,
        f"the signal fades {fold(1 / ratio)} on its way through {len(known)} layers"
        + (f", and nothing of it is left in {depth - len(known)} more" if extinct else ""),
        site=known[-1].site.name,
        step=first.step,
        measured=f"inputs differ by {known[0].deviation:.2g} at {known[0].site.name} and by "
        f"{known[-1].deviation:.2g} at {known[-1].site.name}" + course.remark,
        expected=f"a deviation over the inputs of at least {FADING_SIGNAL:g} of the first layer's",
        certainty="measured in the first recorded step and, for an alarm, again in the last",
        causes=("vanishing", "bad_init") if squashed or extinct else ("bad_init", "vanishing"),
        remedies=(_SHALLOWER, *_REMEDIES[squashed]) if extinct else _REMEDIES[squashed],
        evidence={"fade": ratio, "layers": len(known)},
    )


def _squashes(snapshot: Snapshot) -> bool:
    """Whether most activations cannot pass on more than half of a difference, like sigmoid."""
    words = [snapshot.graph.sites[i].operation for i in snapshot.graph.of_kind(Kind.ACTIVATION)]
    slopes = [ACTIVATIONS[word].max_derivative for word in words if word in ACTIVATIONS]
    return bool(slopes) and float(np.median(slopes)) < SQUASHING


_SHALLOWER = Remedy(
    "Use fewer layers, or lead the signal around them.",
    "x = x + block(x)  # a residual branch",
    edit="insert-residual",
)
_REMEDIES = {
    True: (
        Remedy(
            "Replace the squashing hidden activations: sigmoid passes on a quarter at the most.",
            "nn.ReLU()  # with He initialisation, or nn.Tanh() with Glorot",
            edit="swap-activation",
        ),
    ),
    False: (
        Remedy(
            "Initialise with the gain of the activation, so that the signal keeps its scale.",
            "nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')\n"
            "nn.init.zeros_(layer.bias)",
            edit="initialise",
        ),
        Remedy(
            "Normalise between the layers.",
            "nn.LayerNorm(width)  # or nn.BatchNorm1d(width)",
            edit="insert-norm",
        ),
    ),
}


# --- cases ----------------------------------------------------------------------------------------


def _example(factor: float, losses: Iterable[float], operation: str = "relu") -> Trace:
    graph = example.chain(*["linear", operation] * 6, "linear", "mse_loss", units=8)
    reached = example.inputs(graph, [factor**k for k in range(7)])
    shots = (example.snapshot(graph, step=s, **reached) for s in range(0, 99, 9))
    return example.trace(*shots, losses=list(losses))


def _extinct(losses: Iterable[float]) -> Trace:
    """A signal that fades over eight layers and is 0 in the last four."""
    graph = example.chain(*["linear", "relu"] * 12, "linear", "mse_loss", units=8)
    reached = example.inputs(graph, [0.2**k if k < 9 else 0.0 for k in range(13)])
    shots = (example.snapshot(graph, step=s, **reached) for s in range(0, 99, 9))
    return example.trace(*shots, losses=list(losses))


RULE = Rule(
    code="INI003",
    name="signal-fades",
    title="The signal fades on its way through the layers",
    why="Each layer multiplies the differences between inputs by its weights and by the slope of "
    "its activation, and many factors below 1 leave the last layers the same value for every "
    "input. What the first layers find out then never arrives where the output is made.",
    sees="""
A network can only tell two inputs apart if their difference survives all layers. With weights of
gain 1/3 six layers leave 1/729 of it; a sigmoid keeps at most a quarter, whatever the weights.
""",
    evidence="""
At every layer with weights, the standard deviation of its input over the batch (RMS over units):
the mean of a sigmoid's output carries nothing. That of the last layer is compared with that of the
first, in the first recorded step. It alarms only if the signal is still faded in the last recorded
step and the loss has stalled. Where nothing is left behind some layer, it is the depth that leads,
not the silent units found there.
""",
    ignore="""
Torch's default initialisation lets the signal of a ReLU network fade, 0.41-fold per layer, and
shallow networks recover: a note. Small weights followed by a normalisation, residual branches that
start at zero and a small last layer do not fade the signal that the layers receive.
""",
    references=(
        "He et al. 2015, Delving Deep into Rectifiers, section 2.2",
        "Glorot & Bengio 2010, section 4",
        "Schoenholz et al. 2017, Deep Information Propagation",
    ),
    reads=frozenset({Quantity.ACTIVATIONS, Quantity.BATCH, Quantity.LOSS}),
    check=check,
    thresholds={"note": FADING_SIGNAL, "warning": FADED_SIGNAL, "squashing": SQUASHING},
    explains=(
        "vanishing-gradient",
        "constant-output",
        "loss-flat",
        "dead-units",
        "zero-gradient",
        "rate-too-low",
    ),
    cases=(
        Case("0.3-fold per layer, loss flat", lambda: _example(0.3, FLAT), Severity.WARNING),
        Case("sigmoids, flat", lambda: _example(0.2, FLAT, "sigmoid"), Severity.WARNING),
        Case("until nothing is left", lambda: _extinct(FLAT), Severity.WARNING),
        Case("near miss: 0.3-fold per layer, yet it learns", lambda: _example(0.3, FALLING), None),
        Case("near miss: 0.6-fold per layer, flat", lambda: _example(0.6, FLAT), None),
        Case("a signal that is kept", lambda: _example(1.0, FLAT), None),
        Case("readings missing", lambda: example.unread(_example(0.3, FLAT)), None),
    ),
)
