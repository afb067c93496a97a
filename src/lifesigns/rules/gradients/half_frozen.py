"""GRD011: of the output layer the bias alone is trained, as its weight was frozen with the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lifesigns.evidence import Stream
from lifesigns.evidence.output import last_layers
from lifesigns.evidence.thresholds import FITTED, JUDGED
from lifesigns.records import Finding, ParameterReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

WEIGHT, BIAS = "weight", "bias"


def check(stream: Stream) -> Iterator[Finding]:
    """At most one finding per stream."""
    course = stream.course
    if course.steps < JUDGED or course.gain > FITTED:
        return
    known = [{p.name: p for p in shot.parameters} for shot in stream.snapshots]
    halves = [layer for layer in _layers(known[-1]) if all(_is_half(one, layer) for one in known)]
    ends = last_layers(stream.last.graph)
    if len(halves) == 1 and halves[0] + BIAS in ends:
        yield _finding(stream, halves[0])


def _layers(parameters: dict[str, ParameterReading]) -> list[str]:
    """The beginnings of the names of the parameters of layers with a bias, up to the dot."""
    return [name.removesuffix(BIAS) for name in parameters if name.endswith(f".{BIAS}")]


def _is_half(parameters: dict[str, ParameterReading], layer: str) -> bool:
    """Whether a layer's bias is trained and its weight is frozen."""
    weight, bias = parameters.get(layer + WEIGHT), parameters.get(layer + BIAS)
    if weight is None or bias is None or weight.trainable:
        return False
    return bias.trainable and bias.reached and bias.optimized


def _finding(stream: Stream, layer: str) -> Finding:
    return RULE.finding(
        Severity.WARNING,
        "of the output layer the bias alone is trained, its weight is frozen",
        site=layer + WEIGHT,
        step=stream.first.step,
        measured=f"{layer + WEIGHT} has `requires_grad` False and {layer + BIAS} has not; "
        f"{stream.course}",
        expected="an output layer that is trained as a whole",
        certainty=f"exact, in {stream.seen}",
        causes=("frozen",),
        remedies=(
            Remedy(
                "Freeze the backbone by its name, not all but the last parameter: a layer has two.",
                "for p in model.backbone.parameters():\n    p.requires_grad = False",
            ),
            Remedy(
                "Or freeze all before the new head takes the place of the old one.",
                "model.requires_grad_(False)\nmodel.fc = nn.Linear(512, classes)",
            ),
            Remedy(
                "Or let all of it train.", "model.requires_grad_(True)", edit="train-parameters"
            ),
        ),
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(losses: Sequence[float], *frozen: str) -> Trace:
    """Two layers with biases, some of whose parameters are frozen."""
    graph = example.chain("linear", "relu", "linear/2", "mse_loss")
    sites = tuple(
        replace(site, parameters=(*site.parameters, f"{site.module}.bias"))
        if site.parameters
        else site
        for site in graph.sites
    )
    graph = replace(graph, sites=sites)
    parameters = [
        replace(p, trainable=p.name not in frozen, reached=p.name not in frozen)
        for p in example.weights(graph)
    ]
    return example.fitting(
        graph,
        losses,
        _SIGNS,
        example.target(_SIGNS),
        parameters=parameters,
    )


_SIGNS = [[-1.0, 1.0], [1.0, -1.0]] * 8
_STILL, _FITS = [1.0] * 100, [1.0] * 20 + [0.02] * 80

RULE = Rule(
    code="GRD011",
    name="half-frozen",
    title="The output layer's weight is frozen, and its bias is trained",
    why="Without its weight an output layer cannot read what the layers below it tell: the bias "
    "alone learns how frequent the classes are, and no more. The weight is as it was drawn, so the "
    "answers of a trained backbone are mixed by lot.",
    sees="""
`for p in list(model.parameters())[:-1]: p.requires_grad = False` is to freeze all but the last
layer. But a layer has two parameters, a weight and a bias, and this leaves the bias alone.
""",
    evidence="""
In all recorded steps the weight of the layer that makes the output has `requires_grad` False, and
its bias is in an optimizer and reached by the loss. Exact.
""",
    ignore="""
Where biases of several layers are trained without their weights, that is a scheme (BitFit), and
nothing is said; so it is where nine tenths of the targets are fitted.
""",
    references=(
        "PyTorch, Transfer learning for computer vision: the head of a frozen network",
        "Ben Zaken, Goldberg & Ravfogel 2022, BitFit: training biases alone",
    ),
    reads=frozenset({Quantity.LOSS, Quantity.PARAMETERS}),
    check=check,
    thresholds={"fitted": FITTED, "steps": JUDGED},
    explains=(
        *("loss-flat", "constant-output", "rate-too-low", "stopped-early", "labels-unrelated"),
        *("detached-parameters", "signal-fades"),
    ),
    cases=(
        Case(
            "all but the last parameter are frozen",
            lambda: _example(_STILL, "0.weight", "0.bias", "2.weight"),
            Severity.WARNING,
        ),
        Case(
            "the last weight alone is frozen",
            lambda: _example(_STILL, "2.weight"),
            Severity.WARNING,
        ),
        Case("near miss: it fits", lambda: _example(_FITS, "2.weight"), None),
        Case(
            "near miss: the biases of all layers are trained",
            lambda: _example(_STILL, "0.weight", "2.weight"),
            None,
        ),
        Case("a frozen backbone", lambda: _example(_STILL, "0.weight", "0.bias"), None),
        Case(
            "near miss: the weight of a hidden layer is frozen",
            lambda: _example(_STILL, "0.weight"),
            None,
        ),
        Case("all in order", lambda: _example(_STILL), None),
        Case(
            "readings missing: what asks for gradients is known",
            lambda: example.unread(_example(_STILL, "2.weight")),
            Severity.WARNING,
        ),
    ),
)
