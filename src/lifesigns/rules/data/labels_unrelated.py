"""DAT003: everything needed for learning is there, and the fit is no better than a constant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold, zigzag
from lifesigns.evidence.flat import flat
from lifesigns.evidence.noise import ERRORS, NORMAL, VALUES, drawn
from lifesigns.evidence.pairs import PAIRED, WHICH_LABEL
from lifesigns.evidence.sites import is_hidden, is_rectifier, merged
from lifesigns.evidence.thresholds import (
    DEAD_SHARE,
    ENOUGH_STEPS,
    LITTLE_TRAVEL,
    PATIENCE,
    SURE_STEPS,
)
from lifesigns.records import BatchReading, Finding, Graph, Kind, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

FAR = Threshold(
    2.0,
    "standard deviations that one of so many normal numbers lies from 0",
    "a normal's: of 256 none does once in 150,000",
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    found = flat(stream)
    if found is None or not found.nothing or found.suspects or found.severity is Severity.NOTE:
        return
    if stream.course.correlates() or zigzag.suspect(stream) or _died_early(stream):
        return
    if stream.bends and stream.travel >= LITTLE_TRAVEL:
        yield _finding(stream, found.severity)


def _died_early(stream: Stream) -> bool:
    """Whether much of a layer was silent by `SURE_STEPS`; what dies later is a consequence."""
    before = [s for s in stream.snapshots if s.step <= SURE_STEPS]
    early = [s for s in before if s.step >= ENOUGH_STEPS] or before[-1:]
    graph = early[-1].graph if early else Graph()
    sites = (site for i, site in enumerate(graph.sites) if is_hidden(graph, i))
    found = [merged(early, site.name) for site in sites if is_rectifier(site)]
    return any((sums.active == 0).mean() > DEAD_SHARE for sums in found if sums and sums.units)


def _is_noise(stream: Stream) -> bool:
    """Whether the targets are like normal noise, in the shape of the inputs."""
    found = drawn(stream, NORMAL)
    return found is not None and bool(max(found.maximum.max(), -found.minimum.min()) > FAR)


_UNRELATED = "inputs and labels seem unrelated"
_NOISE = (
    Remedy(
        "Draw the noise once: give the loss the very noise that was added to the input.",
        "noise = torch.randn_like(x)\nloss = F.mse_loss(model(add_noise(x, noise, t), t), noise)",
    ),
)
_REMEDIES = (
    Remedy(
        "Check that inputs and targets belong together: look at some pairs.",
        "for i in range(5):\n    print(x[i], y[i])  # does each label fit its input?",
    ),
    Remedy(
        "Shuffle both with the same permutation.",
        "order = torch.randperm(len(x))\nx, y = x[order], y[order]",
    ),
    Remedy(
        "Check that no reshape of the inputs deals their rows out anew.",
        "assert torch.equal(x.view(len(x), -1)[0], samples[0].flatten())",
    ),
)


def _finding(stream: Stream, severity: Severity) -> Finding:
    course, way = stream.course, stream.travel
    is_noise = _is_noise(stream)
    what = "the targets seem to be noise that is not in the inputs" if is_noise else _UNRELATED
    return RULE.finding(
        severity,
        f"{what}: weights move, gradients flow, and nothing is learned",
        site="input",
        step=0,
        measured=f"{course}; all updates together are {way:.2g} of the weights; inputs, hidden "
        "layers and gradients look healthy",
        expected="a fit better than a constant prediction by more than its error",
        certainty="by elimination: no other cause is in evidence; overfitting ten samples tells",
        causes=("wrong_labels", "capacity", "wrong_shape"),
        remedies=(
            *((WHICH_LABEL,) if course.kind in PAIRED else ()),
            *(_NOISE if is_noise else ()),
            *_REMEDIES,
        ),
        evidence={"gain": course.gain, "gain_error": course.gain_error, "travel": way},
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(
    losses: Sequence[float],
    *,
    operations: Sequence[str] = ("linear", "relu", "linear/1", "mse_loss"),
    update: float = 1e-3,
    scale: float = 1.0,
    dead_since: int = 10**9,
    every: int = 200,
    correlation: float = 0.0,
    coherence: float = 0.3,
) -> Trace:
    """Targets ±1 that a constant prediction fits with a loss of 1."""
    sign = np.tile([[-1.0], [1.0]], (16, 1))
    graph = example.chain(*operations, batch=32)
    hidden = graph.of_kind(Kind.ACTIVATION)
    sizes = {"weight_rms": 0.3, "update_rms": update, "gradient_rms": 0.1}
    readings = example.weights(graph, sign_coherence=coherence, **sizes)
    known = example.fitting(
        graph,
        losses,
        0.1 * sign,
        example.target(sign),
        steps=(0, 1, 50, *range(every, len(losses) - 1, every), -1),
        parameters=readings,
        batch=BatchReading((32, 4), example.sums(scale * np.tile(sign, 4))),
        correlation=correlation,
    )
    shots = (
        replace(s, sites=(example.silent(1, 3 if s.step >= dead_since else 0, units=4),))
        for s in known.snapshots
    )
    return replace(known, snapshots=tuple(shots)) if hidden else known


def _denoiser() -> Trace:
    """Targets that are normal noise, in the shape of the inputs."""
    noise = np.random.default_rng(1).standard_normal((256, 4))
    batch = BatchReading(noise.shape, example.sums(noise))
    shots = (
        replace(s, batch=batch, loss=replace(s.loss, target=example.target(noise)))
        for s in _example(_FLAT).snapshots
        if s.loss
    )
    return replace(_example(_FLAT), snapshots=tuple(shots))


def _pairs() -> Trace:
    """The distances of pairs, of which the best constant has a loss of 1."""
    known = _example(_FLAT)
    shots = (
        replace(s, loss=replace(s.loss, kind="contrast", constant=1.0) if s.loss else None)
        for s in known.snapshots
    )
    return replace(known, snapshots=tuple(shots))


_FLAT = list(1 + 0.03 * np.random.default_rng(0).standard_normal(400))

RULE = Rule(
    code="DAT003",
    name="labels-unrelated",
    title="Nothing is learned although everything needed for learning is there",
    why="A network with healthy gradients and enough units first finds the best constant, then "
    "whatever its inputs say about the targets. If nothing comes after the constant, the inputs "
    "seem to say nothing: shuffled apart, wrongly joined, or without the cause among the features.",
    sees="""
Inputs and labels that do not belong together: shuffled with different permutations, joined on the
wrong key, read from a wrong column, or reshaped so that a row holds parts of others. To the
network such labels are noise. A diffusion model whose input got other noise than it is to predict,
as where the function that adds it draws its own.
""",
    evidence="""
By elimination. The fit is no better than a constant prediction (see loss-flat), for long enough;
inputs and targets have a usual scale, the gradient reaches every layer, no layer is silent or
saturated or gets inputs of one sign only, and the updates carried the weights a fair part of their
own size. Outputs and targets do not correlate beyond chance: that would be a relation. And the
network has a non-linearity inside: a linear one may lack the capacity instead. Units that die after
a hundred steps without a better fit are a consequence; where they die before, this rule is silent.
Targets in the shape of the input, with mean and mean square of normal noise, are called noise.
""",
    ignore="""
Problems like parity keep a healthy network at the level of a constant for thousands of steps, and
some targets are noise by nature. Try to overfit ten samples: if that works, look at the labels.
""",
    references=(
        "Zhang et al. 2017, Understanding Deep Learning Requires Rethinking Generalization",
        "Karpathy 2019, A Recipe for Training Neural Networks: overfit one batch",
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
    thresholds={
        "patience": PATIENCE,
        "travel": LITTLE_TRAVEL,
        "enough_steps": ENOUGH_STEPS,
        "sure_steps": SURE_STEPS,
        "dead": DEAD_SHARE,
        "values": VALUES,
        "errors": ERRORS,
        "far": FAR,
    },
    explains=("loss-flat",),
    cases=(
        Case("flat, though the weights move", lambda: _example(_FLAT), Severity.ERROR),
        Case(
            "fell to the level of a constant", lambda: _example([5.0] * 20 + _FLAT), Severity.ERROR
        ),
        Case("pairs, perhaps the wrong way round", _pairs, Severity.ERROR),
        Case("noise that is not in the input", _denoiser, Severity.ERROR),
        Case(
            "near miss: a linear model may lack a hidden layer",
            lambda: _example(_FLAT, operations=("linear", "linear/1", "mse_loss")),
            None,
        ),
        Case(
            "units die long after nothing was learned",
            lambda: _example(_FLAT, dead_since=200),
            Severity.ERROR,
        ),
        Case("near miss: units die early", lambda: _example(_FLAT, dead_since=50), None),
        Case(
            "near miss: outputs correlate with the targets, if little",
            lambda: _example(_FLAT, every=10, correlation=0.14),
            None,
        ),
        Case(
            "near miss: a layer with inputs of one sign may zig-zag instead",
            lambda: _example(_FLAT, coherence=0.8),
            None,
        ),
        Case("near miss: the weights hardly move", lambda: _example(_FLAT, update=1e-6), None),
        Case(
            "near miss: raw inputs",
            lambda: _example(
                _FLAT, operations=("linear", "prelu", "linear/1", "mse_loss"), scale=500
            ),
            None,
        ),
        Case("few steps", lambda: _example(_FLAT[:120]), None),
        Case("learning", lambda: _example(list(np.geomspace(1, 0.1, 400))), None),
        Case("readings missing: nothing was read", lambda: example.unread(_example(_FLAT)), None),
    ),
)
