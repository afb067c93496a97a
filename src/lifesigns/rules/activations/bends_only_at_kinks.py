"""ACT011: the loss asks for second derivatives of a network that consists of straight pieces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import ENOUGH_STEPS
from lifesigns.records import WEIGHTED, Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

TAKEN, ZERO = "second_derivatives", "second_derivatives_zero"
"""Details of a loss: derivatives of derivatives by data, and those that are 0 throughout."""
STRAIGHT = frozenset(
    {"relu", "leaky_relu", "rrelu", "prelu", "hardtanh", "hardsigmoid", "threshold", "clamp"}
    | {"hardshrink", "softshrink", "maximum", "max", "abs"}
)
"""Activations of straight pieces."""
STEPS = Threshold(3, "recorded steps, in each of which they are 0 throughout", "exact")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    details = [loss.details for loss in stream.readings]
    graph = stream.first.graph
    straight = [
        i
        for i, site in enumerate(graph.sites)
        if site.operation in STRAIGHT and graph.leads_to(i, WEIGHTED)
    ]
    if len(details) < STEPS or not straight:
        return
    if not all(one.get(TAKEN) and one[TAKEN] == one[ZERO] for one in details):
        return
    site, count = graph.sites[straight[0]], int(details[0][TAKEN])
    more = f", as {counted(len(straight) - 1, 'other')}" if len(straight) > 1 else ""
    grave = Severity.ERROR if stream.course.harmed else Severity.WARNING
    yield RULE.finding(
        grave if stream.course.steps >= ENOUGH_STEPS else Severity.NOTE,
        "the loss asks for the second derivative by the input, which is zero everywhere: "
        f"{site.name} bends only at a kink",
        site=site.name,
        step=stream.first.step,
        measured=f"{counted(count, 'derivative')} of a derivative by the input, with a graph for "
        f"training, 0 at all points of {counted(len(details), 'recorded step')}; {site.operation} "
        f"consists of straight pieces{more}{stream.course.remark}",
        expected="smooth hidden activations where a second derivative is trained",
        certainty="exact for what the calls returned",
        causes=("linear_collapse", "other"),
        remedies=(_SMOOTH, _SQUARE),
        evidence={"second_derivatives": count, "straight": len(straight)},
    )


_SMOOTH = Remedy(
    "Take activations whose second derivative is not zero: tanh, SiLU, softplus or a sine.",
    "nn.Tanh()  # instead of nn.ReLU()",
    edit="swap-activation",
)
_SQUARE = Remedy(
    "Or ask for first derivatives alone: give each of them an output of its own, and train that "
    "the two agree.",
    "u, slope = model(x).unbind(1)\n"
    "loss = loss + (derivative(u, x) - slope).square().mean()  # and derivative(slope, x) for u_xx",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    taken: int, zero: int, losses: Sequence[float] = FLAT, *, activation: str = "relu"
) -> Trace:
    known = example.regression(losses, update=1e-3)
    graph = example.chain("linear", activation, "linear/1", "mse_loss", batch=32)
    shots = tuple(replace(shot, graph=graph) for shot in known.snapshots)
    marks = {TAKEN: float(taken), ZERO: float(zero)} if taken else {}
    return example.marked(replace(known, snapshots=shots), marks)


RULE = Rule(
    code="ACT011",
    name="bends-only-at-kinks",
    title="Second derivatives of a network of straight pieces",
    why="A network of rectifiers consists of straight pieces: its second derivative is zero at "
    "every point, whatever the weights are. An equation that holds it is another equation, and "
    "none of its gradient comes to the hidden weights through that term.",
    sees="""
A network that is to solve a differential equation (physics-informed), or whose curvature is
penalised or matched, with ReLU, LeakyReLU or hardtanh in its hidden layers. The residual stays as
large as the right-hand side, the boundary alone is learned, and units die.
""",
    evidence="""
Calls of `torch.autograd.grad` with `create_graph=True` by data, of what such a call has returned:
all that they return is exactly 0, or nothing, at all points of all recorded steps, and hidden
layers have activations of straight pieces. A warning also where the loss falls, an error where
nothing is learned.
""",
    ignore="""
First derivatives that are trained, as in a gradient penalty or for forces, are right with
rectifiers. Derivatives by parameters are not counted, nor what is derived without a graph. Where
smooth layers are among them, or the output is squared, the second derivative is not 0.
""",
    references=(
        "Raissi, Perdikaris & Karniadakis 2019, Physics-informed neural networks",
        "Sitzmann et al. 2020, Implicit Neural Representations with Periodic Activation Functions",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS, "enough_steps": ENOUGH_STEPS},
    explains=(
        *("dead-from-birth", "dead-units", "zero-gradient", "loss-flat", "constant-output"),
        *("vanishing-gradient", "signal-fades", "gain-mismatch", "stopped-early", "rate-too-low"),
        *("term-without-weights", "loss-oscillates", "rate-too-high", "labels-unrelated"),
        *("one-sided-inputs", "steps-change-nothing"),
    ),
    cases=(
        Case("of ReLU, and nothing is learned", lambda: _example(1, 1), Severity.ERROR),
        Case(
            "two of LeakyReLU, and the loss falls",
            lambda: _example(2, 2, FALLING, activation="leaky_relu"),
            Severity.WARNING,
        ),
        Case("near miss: one of two is not zero", lambda: _example(2, 1), None),
        Case("near miss: a saturated tanh", lambda: _example(1, 1, activation="tanh"), None),
        Case("near miss: first derivatives alone", lambda: _example(0, 0), None),
        Case("near miss: a preview of few steps", lambda: _example(1, 1, FLAT[:20]), None),
        Case("readings missing: no loss", lambda: example.unread(_example(1, 1)), None),
    ),
)
