"""GRD002: the gradient grows on its way back, or from step to step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold
from lifesigns.evidence.fold import fold
from lifesigns.evidence.gradients import gradient_norm, reach, weight_gradients
from lifesigns.evidence.thresholds import CALIBRATED
from lifesigns.records import Finding, Kind, Quantity, Remedy, Severity, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

RATIO = Threshold(70, "first layer's gradient over the last's", "AutoTrainer (ICSE 2021)")
GROWTH = Threshold(100, "norm over its running median", CALIBRATED)


def check(stream: Stream) -> Iterable[Finding]:
    """Growth over the steps, or else growth over the depth; one finding per stream."""
    course, snapshots = stream.course, stream.snapshots
    found = _over_steps(snapshots, course, raw=stream.is_raw) or _over_depth(snapshots, course)
    if found:
        yield found


def _over_steps(snapshots: tuple[Snapshot, ...], course: Course, *, raw: bool) -> Finding | None:
    """The norm against the median of the norms before it."""
    norms = [gradient_norm(snapshot) for snapshot in snapshots]
    for i in range(2, len(norms)):
        usual = float(np.median(norms[:i]))
        if usual > 0 and norms[i] / usual > GROWTH:
            return RULE.finding(
                Severity.WARNING if course.diverged else Severity.NOTE,
                f"the gradient grew {fold(norms[i] / usual)} by step {snapshots[i].step}",
                site=_largest(snapshots[i]),
                step=snapshots[i].step,
                measured=f"gradient norm {norms[i]:.2g} at step {snapshots[i].step}, median "
                f"{usual:.2g} in the {i} recorded steps before; {course}",
                expected=f"growth below {GROWTH:.0f}-fold",
                certainty="measured in single steps",
                causes=(*(("unnormalised_input",) if raw else ()), "lr_too_high", "exploding"),
                remedies=((_SCALE,) if raw else ()) + _remedies(snapshots[i]),
                evidence={"growth": norms[i] / usual},
            )
    return None


def _over_depth(snapshots: tuple[Snapshot, ...], course: Course) -> Finding | None:
    """The first weighted layer against the last."""
    grown = [s for s in snapshots if reach(s) > RATIO]
    if len(grown) < max(1, len(snapshots) / 2):
        return None
    ratio, layers = reach(grown[0]), weight_gradients(grown[0])
    first, last = layers[0], layers[-1]
    return RULE.finding(
        Severity.WARNING if course.diverged else Severity.NOTE,
        f"the gradient grows {fold(ratio)} over {len(layers)} layers back to {first[0].name}",
        site=first[0].name,
        step=grown[0].step,
        measured=f"gradient RMS {last[1].gradient_rms:.2g} at {last[0].name}, "
        f"{first[1].gradient_rms:.2g} at {first[0].name}; {course}",
        expected=f"scales within a factor {RATIO:.0f} of one another",
        certainty=f"seen in {len(grown)} of {len(snapshots)} recorded steps",
        causes=("exploding", "bad_init"),
        remedies=_remedies(grown[0]),
        evidence={"ratio": ratio, "layers": len(layers)},
    )


def _largest(snapshot: Snapshot) -> str:
    """Name of the site with the largest finite gradient."""
    layers = weight_gradients(snapshot)
    return max(layers, key=lambda layer: layer[1].gradient_rms)[0].name if layers else ""


def _remedies(snapshot: Snapshot) -> tuple[Remedy, ...]:
    clip = Remedy(
        "Cut the gradient to a bounded length before the step.",
        "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)",
        edit="clip-gradient",
    )
    lower = Remedy(
        "Lower the learning rate tenfold.",
        "for group in optimizer.param_groups:\n    group['lr'] *= 0.1",
        edit="scale-rate",
    )
    recurrent = bool(snapshot.graph.of_kind(Kind.RECURRENT))
    return (clip, lower) if recurrent else (lower, clip)


_SCALE = Remedy(
    "Scale the input: mean 0 and standard deviation 1 per feature.",
    "x = (x - x_train.mean(0)) / x_train.std(0).clamp_min(1e-8)",
    edit="standardise-inputs",
)


# --- cases ----------------------------------------------------------------------------------------
_GROWING, _FALLING = list(np.geomspace(1, 1e6, 100)), list(np.geomspace(1, 0.01, 100))


def _steps(growth: float, losses: Iterable[float]) -> Trace:
    graph = example.chain("linear", "relu", "linear", "mse_loss")
    read = {s: example.weights(graph, gradient_rms=growth ** (s / 9)) for s in range(0, 99, 9)}
    shots = (example.snapshot(graph, step=s, parameters=known) for s, known in read.items())
    return example.trace(*shots, losses=list(losses))


def _depth(per_layer: float, losses: Sequence[float]) -> Trace:
    graph = example.chain(*["linear", "relu"] * 6, "mse_loss")
    scales = [per_layer**k for k in range(6)][::-1]
    grown = example.with_gradients(example.weights(graph), scales)
    return example.steady(graph, losses, parameters=grown)


RULE = Rule(
    code="GRD002",
    name="exploding-gradient",
    title="The gradient grows out of bounds, over depth or over time",
    why="The gradient is a product with one factor per layer, so factors above 1 make it grow "
    "exponentially with depth. A step along such a gradient overshoots, the next gradient is "
    "larger still, and the weights end at infinity.",
    sees="""
Weights that are too large, or steps that overshoot, make the gradient grow: from layer to layer
on its way back, or from step to step. Once it starts, it feeds itself, until a number overflows.
""",
    evidence="""
Either the gradient norm of a step exceeds a hundred times the median of the recorded steps before
it, or the gradient RMS of the first weighted layer exceeds that of the last 70-fold in at least
half of the recorded steps.
""",
    ignore="""
A single large gradient that the training digests, or wide last layers with small gradients per
weight, do no harm: unless the loss diverges this is a note.
""",
    references=(
        "Pascanu, Mikolov & Bengio 2013, On the Difficulty of Training Recurrent Neural Networks",
        "Zhang et al. 2021, AutoTrainer (ICSE)",
    ),
    reads=frozenset({Quantity.PARAMETERS, Quantity.BATCH, Quantity.LOSS}),
    check=check,
    thresholds={"ratio": RATIO, "growth": GROWTH},
    explains=("non-finite-origin", "loss-diverges", "dead-units"),
    cases=(
        Case("grows tenfold per record, diverges", lambda: _steps(10, _GROWING), Severity.WARNING),
        Case("four-fold per layer, diverges", lambda: _depth(4, _GROWING), Severity.WARNING),
        Case("near miss: four-fold per layer, yet it learns", lambda: _depth(4, _FALLING), None),
        Case("steady gradient", lambda: _steps(1, _FALLING), None),
        Case("readings missing: no gradients", lambda: example.unread(_steps(10, _GROWING)), None),
    ),
)
