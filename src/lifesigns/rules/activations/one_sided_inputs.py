"""ACT004: a hidden layer whose inputs are all positive, so that its weights can only zig-zag."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lifesigns.evidence import Stream, suspects
from lifesigns.evidence.signal import fade
from lifesigns.evidence.sites import listed
from lifesigns.evidence.thresholds import FADING_SIGNAL
from lifesigns.evidence.zigzag import COHERENCE, one_sided
from lifesigns.records import (
    BatchReading,
    Finding,
    ParameterReading,
    Quantity,
    Remedy,
    Severity,
    Site,
    SiteReading,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

OTHERS = (
    suspects.unscaled_input,
    suspects.unscaled_target,
    suspects.large_weights,
    suspects.rate_too_high,
    suspects.silent_layer,
    suspects.saturated_layer,
    suspects.faded_gradient,
    suspects.no_gradient,
    suspects.rate_too_low,
)
"""Each of these stops learning more surely; a zig-zag is blamed only where none has evidence."""


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream: the first such layer leads, the others are named."""
    found = list(one_sided(stream.latest))
    if found:
        yield _finding(stream, found)


def _finding(stream: Stream, found: list[tuple[Site, float]]) -> Finding:
    (site, coherence), course = found[0], stream.course
    return RULE.finding(
        Severity.WARNING if _is_to_blame(stream) else Severity.NOTE,
        f"all recorded inputs of {site.name} are positive, so its weights move in one direction",
        site=site.name,
        step=stream.latest[0].step,
        measured=f"in {coherence:.1%} of the gradient of a unit's weights the signs agree"
        + (f"; also at {listed([other.name for other, _ in found[1:]])}" if found[1:] else "")
        + course.remark,
        expected=f"signs that agree in less than {COHERENCE:.0%}",
        certainty="median over the last quarter of the recorded steps",
        causes=("other", "vanishing"),
        remedies=(
            Remedy(
                "Use an activation whose outputs are centred at zero.",
                "nn.Tanh()  # instead of nn.Sigmoid()",
                edit="swap-activation",
            ),
            Remedy("Or centre them.", "nn.BatchNorm1d(width)", edit="insert-norm"),
        ),
        evidence={"coherence": coherence, "layers": len(found)},
    )


def _is_to_blame(stream: Stream) -> bool:
    """The loss has stalled, and nothing graver explains it."""
    faded = fade(stream.first) < FADING_SIGNAL
    graver = faded or any(question(stream) for question in OTHERS)
    return stream.course.stalled and not graver


# --- cases ----------------------------------------------------------------------------------------
def _example(
    coherence: float, losses: Iterable[float], operation: str = "sigmoid", low: float = 0.4
) -> Trace:
    graph = example.chain("linear", operation, "linear", "mse_loss", units=4)
    generator = np.random.default_rng(0)
    entering = example.sums(generator.standard_normal((8, 4)))
    reached = [SiteReading(1, example.sums(generator.uniform(low, 0.6, (8, 4))))]
    batch = BatchReading((8, 4), entering)
    read = [
        ParameterReading(p.name, p.shape, sign_coherence=coherence, weight_rms=0.5, update_rms=1e-3)
        for p in example.weights(graph)
    ]
    return example.steady(graph, list(losses), sites=reached, parameters=read, batch=batch)


RULE = Rule(
    code="ACT004",
    name="one-sided-inputs",
    title="Inputs of one sign make a layer's weights zig-zag",
    why="The gradient of a weight is its input times the error of the unit, so with positive "
    "inputs all weights of the unit have to rise together or fall together. A change that needs "
    "some up and some down is only reached by many small turns.",
    sees="""
The outputs of a sigmoid are between 0 and 1, around 0.5. The layer that reads them gets, for each
of its units, gradients of a single sign: it moves in the diagonal directions only, and zig-zags.
""",
    evidence="""
Two measurements agree over the last quarter of the recorded steps: the smallest input of the hidden
layer is above 0, and in the gradient of the weights the signs agree: |Σ g| / Σ |g| per unit, mean
over units, is 1 for a single sample and stays high in a batch. It alarms only if the loss has
stalled and nothing graver explains it: no raw input, no flat or silent layer, no faded signal or
gradient, no step of a wrong size.
""",
    ignore="""
Mostly: many networks learn well with sigmoids, only slower. The outputs of a ReLU are not negative
either, but many are 0, so that weights move one by one.
""",
    references=(
        "LeCun et al. 1998, Efficient BackProp, section 4.3",
        "CS231n, Neural Networks Part 1: sigmoid outputs are not zero-centered",
    ),
    reads=frozenset(
        {
            Quantity.ACTIVATIONS,
            Quantity.PARAMETERS,
            Quantity.UPDATES,
            Quantity.COHERENCE,
            Quantity.BATCH,
            Quantity.LOSS,
        }
    ),
    check=check,
    thresholds={"coherence": COHERENCE, "fade": FADING_SIGNAL},
    explains=("loss-flat",),
    cases=(
        Case("sigmoid inputs, loss flat", lambda: _example(1.0, FLAT), Severity.WARNING),
        Case("mostly one sign", lambda: _example(0.8, FLAT), Severity.WARNING),
        Case("near miss: one sign, yet it learns", lambda: _example(1.0, FALLING), None),
        Case("near miss: positive inputs, mixed signs", lambda: _example(0.5, FLAT), None),
        Case("inputs of both signs", lambda: _example(1.0, FLAT, "tanh", low=-0.6), None),
        Case("readings missing", lambda: example.unread(_example(1.0, FLAT)), None),
    ),
)
