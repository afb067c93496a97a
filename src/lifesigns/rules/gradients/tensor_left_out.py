"""GRD012: a tensor that is used as a weight, gets a gradient and is in no optimizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lifesigns.evidence import Run
from lifesigns.evidence.shares import seen
from lifesigns.evidence.sites import listed
from lifesigns.evidence.thresholds import FITTED, JUDGED
from lifesigns.records import Finding, ParameterReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

_ONE = "a plain tensor is used as a weight and gets a gradient, and no optimizer holds it"
_SEVERAL = "plain tensors are used as weights and get gradients, and no optimizer holds them"


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding, for all such tensors together."""
    left = run.trace.left_out
    if not left or run.trace.steps < JUDGED or not run.trace.snapshots:
        return
    looked = seen(run.trace, run.trace.snapshots)
    fits = any(s.course.gain > FITTED for s in run.streams)
    yield RULE.finding(
        Severity.NOTE if fits else Severity.WARNING,
        _ONE if len(left) == 1 else _SEVERAL,
        site=left[0].name,
        step=run.trace.snapshots[0].step,
        measured=f"{listed([p.name for p in left])}: no parameter, the same numbers for all "
        "samples, a gradient that nothing clears, and no change in any recorded step"
        + "".join(s.course.remark for s in run.streams[:1]),
        expected="what asks for a gradient in an optimizer, or without `requires_grad`",
        certainty=f"exact, in {looked}",
        causes=("frozen", "other"),
        remedies=(_REGISTER, _HOLD),
        evidence={"tensors": len(left)},
    )


_REGISTER = Remedy(
    "Make it a parameter: `model.parameters()` lists nothing else.",
    "self.cuts = nn.Parameter(torch.linspace(-1, 1, 5))",
)
_HOLD = Remedy(
    "Or give the tensor itself to the optimizer.",
    "optimizer = torch.optim.Adam([*model.parameters(), cuts])",
)


# --- cases ----------------------------------------------------------------------------------------
_CUTS = ParameterReading("link.cuts", (5,), optimized=False, update_rms=0.0)
_SCALE = replace(_CUTS, name="scale", shape=())


def _example(
    *left: ParameterReading, losses: Sequence[float] = example.FLAT, steps: int | None = None
) -> Trace:
    return replace(example.regression(losses[:steps], update=1e-3), left_out=left)


RULE = Rule(
    code="GRD012",
    name="tensor-left-out",
    title="A tensor that is meant to train is in no optimizer",
    why="A network lists as its parameters what was assigned as one, and nothing else. A plain "
    "tensor that asks for a gradient takes part in the prediction and gets one, and no optimizer "
    "knows of it: it keeps the numbers it was made with, and the rest has to make do with them.",
    sees="""
Cut points, a temperature, a scale or a whole weight that a module keeps as
`torch.zeros(5, requires_grad=True)`. All else trains, so the loss falls, to a level that these
numbers allow.
""",
    evidence="""
A leaf of the graph that is no `nn.Parameter` and in no optimizer, the same tensor with the same
values in every recorded step that leads to it, and a gradient that is never cleared. All samples
share it: it is broadcast over them, or is the weight of a layer. Exact.
""",
    ignore="""
What has a number for each sample is data: points of a differential equation, pictures that are
attacked, codes. So is what `torch.autograd.grad` is asked about. A tensor whose gradient is cleared
or whose numbers change is trained by hand. Where nine tenths are learned without it, it is a note.
Tensors of which an index or a slice is used are not looked at.
""",
    references=(
        "PyTorch, `nn.Parameter`",
        "PyTorch, `torch.optim`: constructing an optimizer",
    ),
    reads=frozenset({Quantity.LOSS, Quantity.PARAMETERS, Quantity.UPDATES}),
    check_run=check_run,
    thresholds={"fitted": FITTED, "steps": JUDGED},
    explains=("loss-flat", "constant-output", "rate-too-low", "stopped-early", "labels-unrelated"),
    cases=(
        Case("cut points of an ordinal score", lambda: _example(_CUTS), Severity.WARNING),
        Case("two of them", lambda: _example(_CUTS, _SCALE), Severity.WARNING),
        Case("near miss: none", _example, None),
        Case(
            "it fits all the same", lambda: _example(_CUTS, losses=example.FALLING), Severity.NOTE
        ),
        Case("near miss: a few steps", lambda: _example(_CUTS, steps=5), None),
        Case(
            "readings missing: no loss", lambda: example.unread(_example(_CUTS)), Severity.WARNING
        ),
    ),
)
