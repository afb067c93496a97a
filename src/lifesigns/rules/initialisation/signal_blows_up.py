"""INI002: the forward signal is far too large from the first step on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.beginning import EXCESS, excess
from lifesigns.evidence.residual import branches
from lifesigns.evidence.scales import weight_gains
from lifesigns.evidence.signal import growth, largest, layers
from lifesigns.evidence.suspects import unscaled_input, unscaled_other_input
from lifesigns.evidence.thresholds import LARGE_SIGNAL, LAYERS, RAW_INPUT
from lifesigns.records import (
    Finding,
    Kind,
    LossReading,
    Quantity,
    Remedy,
    Severity,
    Site,
    Snapshot,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

LARGE = Threshold(
    10, "RMS below which nothing is called large", "ten times that of standardised values, 1"
)


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream, where the signal is largest."""
    first = stream.first
    if _starts_large(first) and largest(first)[1] > LARGE:
        yield _finding(stream, first)


def _starts_large(first: Snapshot) -> bool:
    """It grows with depth, comes in large already, or makes a confident wrong guess."""
    entering = layers(first)[:1]
    raw = any(layer.rms > RAW_INPUT for layer in entering)
    return raw or growth(first) > LARGE_SIGNAL or excess(first.loss) > EXCESS


def _finding(stream: Stream, first: Snapshot) -> Finding:
    course, factor, (place, scale) = stream.course, growth(first), largest(first)
    raw = unscaled_input(stream)
    grows = factor > LARGE_SIGNAL
    other = unscaled_other_input(stream)
    led = [other] if other else [raw] if raw and not grows else []
    summed = _sums_neighbours(first) and not stream.has_large_weights
    count = branches(first.graph) if grows and not (led or summed) else 0
    added = count if count >= LAYERS and not stream.has_large_weights else 0
    gain = max(weight_gains(first), key=lambda known: known[1], default=("", float("nan")))
    return RULE.finding(
        Severity.WARNING if stream.course.harmed else Severity.NOTE,
        f"the signal starts with RMS {scale:.2g} at {place}"
        + (f", {factor:.2g} times that of the input" if grows else "")
        + (f": {added} residual branches are added up" if added else ""),
        site=place if ":" in place else "",
        step=first.step,
        measured="; ".join(
            [
                f"RMS {layers(first)[0].rms:.2g} at the input, {scale:.2g} at {place}"
                if layers(first)
                else f"RMS {scale:.2g} at {place}",
                *(suspect.evidence for suspect in led),
                *([f"weights of gain {gain[1]:.2g} at {gain[0]}"] if np.isfinite(gain[1]) else []),
                *([str(course)] if course.judged else []),
            ]
        ),
        expected=f"growth below {LARGE_SIGNAL:.0f}-fold, and values around 1",
        certainty="measured in the first recorded step",
        causes=(
            *(suspect.cause for suspect in led),
            *(("exploding", "bad_init") if summed else ("bad_init", "exploding")),
        ),
        remedies=_BRANCHES
        if added
        else (*(suspect.remedy for suspect in led), *((_AVERAGE,) if summed else ()), _REMEDY),
        evidence={"growth": factor, "rms": scale, "loss_excess": excess(first.loss)},
    )


def _sums_neighbours(first: Snapshot) -> bool:
    """Whether samples are added up, by a matrix that is data or by an index: a graph's edges."""
    return any(
        site.operation in SUMS or (site.operation in PRODUCTS and not site.parameters)
        for site in first.graph.sites
        if site.kind in (Kind.LINEAR, Kind.OTHER)
    )


SUMS = frozenset({"index_add", "scatter_add", "sparse_addmm"})
PRODUCTS = frozenset({"linear", "matmul"})
_AVERAGE = Remedy(
    "Divide what a node receives by the number of its neighbours: a hub adds up hundreds.",
    "h = (adjacency @ h) / adjacency.sum(1, keepdim=True).clamp_min(1)",
)
_BRANCHES = (
    Remedy(
        "Let each residual branch start at nothing: its last weights 0.",
        "for block in blocks:\n    nn.init.zeros_(block.last.weight)",
    ),
    Remedy(
        "Or normalise what each branch is given.",
        "x = x + branch(nn.functional.layer_norm(x, x.shape[-1:]))",
        edit="insert-norm",
    ),
)
_REMEDY = Remedy(
    "Initialise so that the signal keeps its scale: spread = gain / √fan-in.",
    "nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')\nnn.init.zeros_(layer.bias)",
    edit="initialise",
)


# --- cases ----------------------------------------------------------------------------------------


def _example(factor: float, losses: Iterable[float], entering: float = 1.0, *others: Site) -> Trace:
    graph = example.chain(*["linear", "relu"] * 3, "linear", "mse_loss", units=8)
    graph = replace(graph, sites=graph.sites + others)
    reached = example.inputs(graph, [entering * factor**k for k in range(4)])
    shots = (example.snapshot(graph, step=s, **reached) for s in range(0, 99, 9))
    return example.trace(*shots, losses=list(losses))


def _residual(factor: float) -> Trace:
    """Branches of two layers and weights of gain 1.4, flat."""
    graph = example.chain("linear", *["linear", "relu", "linear"] * 4, "linear", "mse_loss")
    ends = (0, *range(3, 13, 3))
    extra = {(a, b) for k, a in enumerate(ends) for b in (*(e + 1 for e in ends[k + 1 :]),)}
    graph = replace(graph, edges=(*graph.edges, *sorted(extra)))
    sizes = [factor**k for k in range(len(graph.of_kind(Kind.LINEAR)))]
    parameters = example.weights(graph, weight_rms=0.7)
    reached = example.inputs(
        example.chain(*["linear", "relu"] * 3, "linear", "mse_loss"), sizes[:4]
    )
    prediction = example.sums(np.full((16, 4), factor**4))
    shots = (
        example.snapshot(
            graph,
            step=s,
            parameters=parameters,
            batch=reached["batch"],
            loss=LossReading(1.0, prediction=prediction),
        )
        for s in range(0, 99, 9)
    )
    return example.trace(*shots, losses=list(FLAT))


def _second_input(behind: float) -> Trace:
    """Weights of gain 1, and values of this size behind the first layer, flat."""
    graph = example.chain(*["linear", "relu"] * 3, "linear", "mse_loss", units=8)
    reached = example.inputs(graph, [1.0, behind, behind, behind])
    parameters = example.weights(graph, weight_rms=0.35)
    shots = (
        example.snapshot(graph, step=s, parameters=parameters, **reached) for s in range(0, 99, 9)
    )
    return example.trace(*shots, losses=list(FLAT))


RULE = Rule(
    code="INI002",
    name="signal-blows-up",
    title="The signal is far too large when training starts",
    why="Each layer multiplies the size of the signal, or adds to it in a residual branch, and the "
    "gradient of its weights is proportional to it, so factors above 1 end in steps that are far "
    "too large. Squashing functions are driven to their flat ends, and the network starts sure of "
    "wrong answers.",
    sees="""
Weights with spread *s* multiply the scale of the signal by *s*·√fan-in, in each layer. With a unit
normal initialisation and 100 inputs that is ten-fold per layer. Raw inputs are too large already
when they arrive; then the weights are not to blame. A residual block that is drawn to keep the size
of its own signal adds it to what came in, so that the mean square doubles in each block.
""",
    evidence="""
In the first recorded step: the RMS of what every layer receives and of the output, against that of
the input, or a cross-entropy far above that of a uniform prediction, ln(classes). Raw inputs lead
where they, and not a growth from layer to layer, make the signal large. Where samples are added up,
as the neighbours in a graph, and the weights are not large, the sums are to be averaged. Where what
a first layer makes of its input is far larger than its weights can make of the first input, another
input is large, and that leads. Where the values of three layers or more are added up one behind the
other, and the weights are not large, the branches are to start small.
It alarms only if nothing was learned.
""",
    ignore="""
Normalisation and Adam's steps of fixed size cope with large signals: while the network learns this
is a note. A large output alone is right where the targets are large.
""",
    references=(
        "He et al. 2015, Delving Deep into Rectifiers, section 2.2",
        "Karpathy 2019, A Recipe for Training Neural Networks (verify loss at init)",
    ),
    reads=frozenset({Quantity.ACTIVATIONS, Quantity.PARAMETERS, Quantity.BATCH, Quantity.LOSS}),
    check=check,
    thresholds={
        "growth": LARGE_SIGNAL,
        "scale": LARGE,
        "loss": EXCESS,
        "input": RAW_INPUT,
        "branches": LAYERS,
    },
    explains=(
        "stacked-squashing",
        "saturated-units",
        "exploding-gradient",
        "non-finite-origin",
        "loss-diverges",
        "constant-output",
        "loss-flat",
    ),
    cases=(
        Case("six-fold per layer, flat", lambda: _example(6, FLAT), Severity.WARNING),
        Case(
            "sums over neighbours, flat",
            lambda: _example(6, FLAT, 1.0, Site("", "index_add", 0, Kind.OTHER, (8, 8))),
            Severity.WARNING,
        ),
        Case("a second input of 200, flat", lambda: _second_input(200), Severity.WARNING),
        Case("four residual branches, flat", lambda: _residual(4), Severity.WARNING),
        Case("raw inputs, flat", lambda: _example(1, FLAT, 100), Severity.WARNING),
        Case("near miss: six-fold per layer, yet it learns", lambda: _example(6, FALLING), None),
        Case("near miss: small inputs brought to size", lambda: _example(6, FLAT, 0.01), None),
        Case("a signal that is kept", lambda: _example(1, FLAT), None),
        Case("readings missing", lambda: example.unread(_example(6, FLAT)), None),
    ),
)
