"""GRD001: the gradient fades on its way back to the first layers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold
from lifesigns.evidence.fold import fold
from lifesigns.evidence.gradients import passed_on, reach, weight_gradients
from lifesigns.evidence.thresholds import LAYERS, SQUASHING, SURE_STEPS
from lifesigns.records import Finding, LossCurve, Quantity, Remedy, Severity, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

LOST = Threshold(
    1e7, "last layer's gradient over the first's", "arithmetic: below float32's rounding of it"
)
RATIO = Threshold(1e3, "last layer's gradient over the first's", "AutoTrainer (ICSE 2021)")


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream, at the first layer."""
    recent = [s for s in stream.latest if _falls(s) > 0]
    if recent and np.median([_falls(s) for s in recent]) > RATIO:
        yield _finding(stream, recent)


def _falls(snapshot: Snapshot) -> float:
    """Gradient scale of the last weighted layer over that of the first; 0 if there are too few.

    An exactly zero first gradient is the matter of zero-gradient and gives 0 as well.
    """
    share = reach(snapshot)
    return 1 / share if share > 0 else 0.0


def _finding(stream: Stream, recent: list[Snapshot]) -> Finding:
    course = stream.course
    ratio = float(np.median([_falls(s) for s in recent]))
    layers = weight_gradients(recent[-1])
    (first, reading), depth = layers[0], len(layers)
    factor, update = passed_on(recent[-1]), reading.update_ratio
    per_layer = ratio ** (1 / (depth - 1))
    harmful = course.stalled or _creeps(course) or _is_lost(stream)
    return RULE.finding(
        Severity.WARNING if harmful else Severity.NOTE,
        f"the gradient shrinks {fold(ratio)} over {depth} layers on its way to {first.name}",
        site=first.name,
        step=next(s.step for s in stream.snapshots if _falls(s) > RATIO),
        measured=f"gradient RMS {reading.gradient_rms:.2g} at {first.name}, "
        f"{layers[-1][1].gradient_rms:.2g} at {layers[-1][0].name}: {fold(per_layer)} per layer"
        + (f"; the activations pass on {factor:.2g} of it each" if np.isfinite(factor) else "")
        + (f"; update/weight {update:.1g}" if np.isfinite(update) else "")
        + course.remark,
        expected=f"scales within a factor {RATIO:.0f} of one another",
        certainty=f"median of {len(recent)} recorded steps",
        causes=("vanishing",) if factor < SQUASHING else ("vanishing", "bad_init"),
        remedies=_REMEDIES[factor < SQUASHING],
        evidence={"ratio": ratio, "layers": depth, "derivative_factor": factor},
    )


def _creeps(course: Course) -> bool:
    """Hardly better than a constant prediction after many steps, and not about to be.

    A fall without a break promises nothing where it is still no better at all.
    """
    asked = course.steps >= SURE_STEPS and math.isfinite(course.gain) and not course.opposed
    return asked and not course.learned and (course.creeps or not course.arrives)


def _is_lost(stream: Stream) -> bool:
    """Nothing arrives in any recorded step: proof enough where opponents leave no level."""
    return stream.course.opposed and all(_falls(s) > LOST for s in stream.snapshots)


_REMEDIES = {
    True: (
        Remedy(
            "Replace the squashing hidden activations; sigmoid passes on a quarter at the most.",
            "nn.ReLU()  # with He initialisation, or nn.Tanh() with Glorot",
            edit="swap-activation",
        ),
        Remedy(
            "Normalise between the layers.",
            "nn.BatchNorm1d(width)  # or nn.LayerNorm(width)",
            edit="insert-norm",
        ),
    ),
    False: (
        Remedy(
            "Initialise so that the signal keeps its scale from layer to layer (He for ReLU).",
            "nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')",
            edit="initialise",
        ),
        Remedy(
            "Give the gradient a short cut around the layers.",
            "x = x + block(x)",
            edit="insert-residual",
        ),
    ),
}


# --- cases ----------------------------------------------------------------------------------------
def _at(per_layer: float, losses: Sequence[float]) -> Trace:
    """As `_example`, with targets that a constant prediction fits with a loss of 1."""
    read = example.regression(losses, update=1e-3).snapshots[0].loss
    known = _example(per_layer, losses)
    return replace(known, snapshots=tuple(replace(shot, loss=read) for shot in known.snapshots))


def _example(
    per_layer: float, losses: Sequence[float], depth: int = 8, slope: float = float("nan")
) -> Trace:
    graph = example.chain(*["linear", "sigmoid"] * depth, "mse_loss")
    gradients = [per_layer**-k for k in range(depth)][::-1]
    faded = example.with_gradients(example.weights(graph), gradients)
    return example.steady(graph, losses, sites=example.slopes(graph, slope), parameters=faded)


def _opposed(per_layer: float) -> Trace:
    """As `_example`, in turn with another loss that leaves no level to judge by."""
    curve = LossCurve(np.repeat(np.arange(100), 2), np.ones(200), np.tile([0, 1], 100))
    return replace(_example(per_layer, FLAT), losses=curve)


_CREEPING = list(np.linspace(1.02, 1.005, 150))
_SLOWING = list(0.97 + 0.05 * np.exp(-np.arange(150) / 40))
_LEAVING = list(np.linspace(1.01, 0.9, 150))

RULE = Rule(
    code="GRD001",
    name="vanishing-gradient",
    title="The gradient fades before it reaches the first layers",
    why="On its way back the gradient is multiplied, layer by layer, by weights and by derivatives "
    "of activations, and many factors below 1 leave nothing. The first layers then stay at their "
    "random start, and all later layers have to work with what those give them.",
    sees="""
The gradient at a layer is a product with one factor per layer behind it: the weights times the
derivative of the activation. The derivative of a sigmoid is at most 1/4, so eight sigmoid layers
leave less than 4⁻⁸ ≈ 1/65,000 before the weights are even counted. Weights that are too small do
the same with any activation.
""",
    evidence="""
The gradient RMS of the first weighted layer is less than a thousandth of that of the last one
(median over the last quarter of the recorded steps), over at least three layers.
""",
    ignore="""
Adam rescales small gradients, and some networks learn with a weak signal: while the loss falls
this is a note. It is a warning when nothing was learned: the loss is no better than a constant
prediction and no longer falls, or only creeps.
""",
    references=(
        "Bengio, Simard & Frasconi 1994, Learning Long-Term Dependencies with Gradient "
        "Descent is Difficult",
        "Glorot & Bengio 2010, Understanding the Difficulty of Training Deep Feedforward "
        "Neural Networks",
    ),
    reads=frozenset({Quantity.GRADIENTS, Quantity.PARAMETERS, Quantity.UPDATES, Quantity.LOSS}),
    check=check,
    thresholds={
        "lost": LOST,
        "ratio": RATIO,
        "layers": LAYERS,
        "factor": SQUASHING,
        "creeping": SURE_STEPS,
    },
    explains=("loss-flat", "constant-output"),
    cases=(
        Case("four-fold per layer, loss flat", lambda: _example(4, FLAT), Severity.WARNING),
        Case("four-fold by the slopes", lambda: _example(4, FLAT, slope=0.2), Severity.WARNING),
        Case("four-fold, the loss creeps", lambda: _at(4, _CREEPING), Severity.WARNING),
        Case("four-fold, hardly learns", lambda: _at(4, _SLOWING), Severity.WARNING),
        Case("near miss: the same in a short run", lambda: _at(4, _SLOWING[:80]), None),
        Case("near miss: the same, and it gets somewhere", lambda: _at(4, _LEAVING), None),
        Case("nothing arrives, between opponents", lambda: _opposed(12), Severity.WARNING),
        Case("near miss: a little arrives, between opponents", lambda: _opposed(4), None),
        Case("near miss: four-fold per layer, yet it learns", lambda: _example(4, FALLING), None),
        Case("18 tanh layers, 1.4-fold each", lambda: _example(1.4, FLAT, depth=18), None),
        Case("two layers are not deep", lambda: _example(1e4, FLAT, depth=2), None),
        Case("ten-fold, five layers", lambda: _example(10, FLAT, depth=5), Severity.WARNING),
        Case("readings missing: no gradients", lambda: example.unread(_example(4, FLAT)), None),
    ),
)
