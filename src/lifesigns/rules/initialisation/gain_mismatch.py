"""INI004: weights whose spread does not fit their fan-in and the activation behind them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.beginning import EXCESS, NEARLY_ALL, excess, has_flat_ends, on_flat_ends
from lifesigns.evidence.fold import fold
from lifesigns.evidence.gradients import median_known
from lifesigns.evidence.signal import fade, growth, largest, mismatches
from lifesigns.evidence.sites import is_hidden, listed
from lifesigns.evidence.thresholds import (
    ENOUGH_STEPS,
    FADED_SIGNAL,
    FITTED,
    LARGE_SIGNAL,
    LAYERS,
    SATURATED,
    SQUASHING,
    WEAK,
)
from lifesigns.functions import gain
from lifesigns.records import (
    Finding,
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

FACTOR = Threshold(
    4, "ratio of the weights' gain to the right one", "torch's default for sigmoid: 1/3.2"
)
FLAT_FACTOR = Threshold(
    2,
    "ratio of the weights' gain to the right one in front of flat ends",
    "tanh passes on half of the gradient at twice its gain",
)


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream: weights too large with a growth, or too small with a fading."""
    first = stream.first
    known, factor = list(mismatches(first)), FACTOR
    large = [m for m in known if m[2] > factor]
    small = [m for m in known if m[2] < 1 / factor]
    flat = [m for m in known if m[2] > FLAT_FACTOR and has_flat_ends(m[1])]
    passed, stuck = _passed_on(first), _stays_flat(stream)
    if large and growth(first) > LARGE_SIGNAL and largest(first)[1] > LARGE_SIGNAL:
        yield _finding(stream, large, f"the signal grows {fold(growth(first))}", stuck=stuck)
    elif small and fade(first) < FADED_SIGNAL:
        yield _finding(stream, small, f"the signal fades {fold(1 / fade(first))}")
    elif len(flat) >= LAYERS and passed < SQUASHING:
        effect = f"a layer passes on {passed:.2g} of the gradient"
        yield _finding(stream, flat, effect, stuck=stuck and bool(large))


def _passed_on(snapshot: Snapshot) -> float:
    """Median derivative factor of the hidden activations with flat ends; NaN without any."""
    graph = snapshot.graph
    read = [r for r in snapshot.sites if has_flat_ends(graph.sites[r.site].operation)]
    return median_known([r.derivative_factor for r in read if is_hidden(graph, r.site)])


def _stays_flat(stream: Stream) -> bool:
    """Whether nearly all units of most hidden layers start on a flat end, and are there at the end.

    Then what is fitted is fitted by layers that choose among fixed signs: those before them hardly
    learn, and what was drawn at random decides what the network says of new inputs.
    """
    return all(_is_flat(snapshot) for snapshot in (stream.first, stream.last))


def _is_flat(snapshot: Snapshot) -> bool:
    flat = on_flat_ends(snapshot)
    return len(flat) >= LAYERS and float(np.mean(flat)) > SATURATED


def _finding(
    stream: Stream, off: list[tuple[Site, str, float]], effect: str, *, stuck: bool = False
) -> Finding:
    first, course, (site, follower, ratio) = stream.first, stream.course, off[0]
    right, large = _gain(follower), ratio > 1
    harm = course.harmed or course.harm() is not Severity.NOTE
    sure = excess(first.loss) > EXCESS
    harm |= stuck and course.steps >= ENOUGH_STEPS and (sure or course.gain < FITTED)
    effect += "; most layers stay on flat ends to the last recorded step" if stuck else ""
    effect += f"; the loss began at {excess(first.loss):.2g} times a uniform prediction's" * sure
    return RULE.finding(
        Severity.WARNING if harm else Severity.NOTE,
        f"the weights at {site.name} start {max(ratio, 1 / ratio):.2g} times too "
        + ("large" if large else "small")
        + (f" for the {follower} behind them" if follower != "linear" else ""),
        site=site.name,
        step=first.step,
        measured=f"gain (RMS times √fan-in) {ratio * right:.2g} at {site.name}; {effect}"
        + (f"; also {listed([s.name for s, _, _ in off[1:]])}" if off[1:] else "")
        + course.remark,
        expected=f"a gain of {right:.3g} for {follower}, within a factor {FACTOR:.0f}",
        certainty="exact for the weights, measured in the first recorded step for the signal",
        causes=("bad_init", "exploding" if large else "vanishing"),
        remedies=(
            Remedy(
                "Initialise with the spread that keeps the scale: the activation's gain / √fan-in.",
                "fan_in = layer.weight[0].numel()  # features, or channels times kernel\n"
                f"nn.init.normal_(layer.weight, std={right:.3g} / fan_in**0.5)\n"
                "nn.init.zeros_(layer.bias)",
                edit="initialise",
            ),
        ),
        evidence={"ratio": ratio, "growth": growth(first), "fade": fade(first), "layers": len(off)},
    )


def _gain(follower: str) -> float:
    return 1.0 if follower == "linear" else gain(follower)


# --- cases ----------------------------------------------------------------------------------------


def _example(
    weight_gain: float, factor: float, losses: Iterable[float], operation: str = "relu"
) -> Trace:
    graph = example.chain(*["linear", operation] * 4, "linear", "mse_loss", units=16)
    reached = example.inputs(graph, [factor**k for k in range(5)])
    read = example.weights(graph, weight_rms=weight_gain / 4)
    loss = LossReading(1.0, prediction=example.sums(np.full((4, 1), factor**5)))
    return example.steady(graph, list(losses), **reached, parameters=read, loss=loss)


def _flat(weight_gain: float, passed: float, losses: Iterable[float]) -> Trace:
    """Four layers of tanh that pass on so much of the gradient, behind weights of such a gain."""
    known = _example(weight_gain, 0.25, losses, "tanh")
    arrived, gone = (example.sums(np.full((4, 16), size)) for size in (1.0, passed))

    def read(reading: SiteReading) -> SiteReading:
        return replace(reading, output_gradient=arrived, input_gradient=gone)

    shots = (replace(s, sites=tuple(map(read, s.sites))) for s in known.snapshots)
    return replace(known, snapshots=tuple(shots))


def _stuck(share: float, end: float) -> Trace:
    """Four layers of tanh in front of weights far too large, all flat at the start; a fit of 60 %.

    Args:
        share: Of their units, how many are on a flat end in the later recorded steps.
        end: The last loss, where a constant prediction has 1.
    """
    losses = np.geomspace(1, end, 100).tolist()
    loss = example.regression(losses, update=1e-3).snapshots[0].loss

    def read(reading: SiteReading, stuck: float) -> SiteReading:
        flat = np.broadcast_to(np.arange(16) < 16 * stuck, (4, 16))
        return replace(reading, value=example.sums(np.where(flat, 1.0, 0.1), saturated=flat))

    known = _flat(8, 0.25, losses)
    shots = (
        replace(s, loss=loss, sites=tuple(read(r, share if s.step else 1) for r in s.sites))
        for s in known.snapshots
    )
    return replace(known, snapshots=tuple(shots))


def _sure() -> Trace:
    """The same, all fitted, of four classes: the loss began at ten times that of a guess."""
    known = _stuck(1, 1e-3)
    shots = []
    for shot in known.snapshots:
        assert shot.loss is not None
        fit = 10 * np.log(4)
        logits = example.sums(np.eye(4))
        loss = replace(shot.loss, kind="cross_entropy", fit=fit, scale=1.0, prediction=logits)
        shots.append(replace(shot, loss=loss))
    return replace(known, snapshots=tuple(shots))


RULE = Rule(
    code="INI004",
    name="gain-mismatch",
    title="The weights' spread does not fit fan-in and activation",
    why="A layer multiplies the scale of its input by the spread of its weights times √fan-in, and "
    "the activation behind it takes away a share that is known beforehand. A spread that does not "
    "make up for exactly that share is raised to the power of the depth.",
    sees="""
The spread that keeps the scale is gain/√fan-in, with a gain that belongs to the activation: √2 for
ReLU, 1.59 for tanh, 1 for no activation. `nn.init.normal_(w)` with its default spread of 1 is 16
times too large for 256 inputs.
""",
    evidence="""
The RMS of the weights times √fan-in in the first recorded step, over the gain of the activation
that reads the layer: 1/√E[f(z)²] for standard normal *z*, computed by quadrature from the
catalogue. And its effect: the signal grows or fades over the network, or the activations behind the
weights are driven to their flat ends and pass on less than half of the gradient. It alarms if
nothing was learned, or little; and where nearly all units of most hidden layers are on flat ends in
the first recorded step and in the last, if the fit is not complete, or if the loss began at three
times that of a uniform prediction or more: what is learned by heart by the last layers is no good
for new inputs.
""",
    ignore="""
Torch's default initialisation has a gain of 0.58, which is 0.41 of ReLU's: within the factor. Small
weights (0.02 in transformers) before a normalisation, zero-initialised branches and a small last
layer have no effect on the scale, and nothing is said.
""",
    references=(
        "Glorot & Bengio 2010, section 4.2",
        "He et al. 2015, Delving Deep into Rectifiers, section 2.2",
        "Klambauer et al. 2017, Self-Normalizing Neural Networks",
    ),
    reads=frozenset(
        {
            Quantity.ACTIVATIONS,
            Quantity.GRADIENTS,
            Quantity.PARAMETERS,
            Quantity.ROWS,
            Quantity.BATCH,
            Quantity.LOSS,
        }
    ),
    check=check,
    thresholds={
        "factor": FACTOR,
        "flat_factor": FLAT_FACTOR,
        "passed_on": SQUASHING,
        "layers": LAYERS,
        "growth": LARGE_SIGNAL,
        "fade": FADED_SIGNAL,
        "weak": WEAK,
        "flat_share": SATURATED,
        "flat_units": NEARLY_ALL,
        "fitted": FITTED,
        "loss": EXCESS,
        "steps": ENOUGH_STEPS,
    },
    explains=(
        "signal-blows-up",
        "signal-fades",
        "stacked-squashing",
        "saturated-units",
        "dead-from-birth",
        "dead-units",
        "vanishing-gradient",
        "exploding-gradient",
        "non-finite-origin",
        "loss-diverges",
        "constant-output",
        "loss-flat",
    ),
    cases=(
        Case("ten times too large", lambda: _example(14, 10, FLAT), Severity.WARNING),
        Case("ten times too small", lambda: _example(0.14, 0.1, FLAT), Severity.WARNING),
        Case("tanh on its flat ends", lambda: _flat(4.3, 0.25, FLAT), Severity.WARNING),
        Case(
            "on flat ends to the last, and fitted in part", lambda: _stuck(1, 0.4), Severity.WARNING
        ),
        Case("on flat ends to the last, begun far above a guess", _sure, Severity.WARNING),
        Case("near miss: on flat ends at first only", lambda: _stuck(0.2, 0.4), None),
        Case("near miss: on flat ends, and all is fitted", lambda: _stuck(1, 1e-3), None),
        Case("near miss: tanh as it is to be", lambda: _flat(1.6, 0.25, FLAT), None),
        Case("near miss: tanh passes most on", lambda: _flat(4.3, 0.7, FLAT), None),
        Case("near miss: too large, yet it learns", lambda: _example(14, 10, FALLING), None),
        Case("near miss: too small, but normalised", lambda: _example(0.14, 1, FLAT), None),
        Case("torch's default", lambda: _example(0.58, 0.41, FLAT), None),
        Case("readings missing", lambda: example.unread(_example(14, 10, FLAT)), None),
    ),
)
