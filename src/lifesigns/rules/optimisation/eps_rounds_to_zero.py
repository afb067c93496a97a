"""OPT019: the eps of an optimizer is 0 in the half precision of its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lifesigns.evidence import Run, Threshold
from lifesigns.records import Finding, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING

BROKEN = Threshold(1, "times that losses were not finite, from which it is an error", "exact")


def check_run(run: Run) -> Iterator[Finding]:
    """At most one finding."""
    if run.trace.rounded_eps:
        yield _finding(run)


def _finding(run: Run) -> Finding:
    whose = ", ".join(run.trace.rounded_eps)
    broken = sum(stream.course.nonfinite for stream in run.losses) >= BROKEN
    return RULE.finding(
        Severity.ERROR if broken else Severity.NOTE,
        f"a step divides by 0: the eps of {whose} is 0 in float16, the type of the parameters",
        step=0,
        measured="the eps is at most 3e-08, half of the smallest number of float16; "
        + ("a loss was not finite" if broken else "the losses seen are finite"),
        expected="parameters in float32, or an eps that their type can hold",
        certainty="exact, by the eps and the type",
        causes=("nan", "other"),
        remedies=(_KEEP, _EPS),
    )


_KEEP = Remedy(
    "Keep the weights in float32 and compute in half precision only.",
    "model = model.float()\nwith torch.autocast('cuda', dtype=torch.bfloat16):\n"
    "    loss = loss_function(model(x), y)",
    edit="keep-precision",
)
_EPS = Remedy(
    "Or give the optimizer an eps that float16 can hold.",
    "optimizer = torch.optim.Adam(model.parameters(), eps=1e-4)",
    edit="raise-eps",
)


# --- cases ----------------------------------------------------------------------------------------
_BROKEN = (1.0, *[float("nan")] * 50)


def _example(losses: Sequence[float], *optimizers: str) -> Trace:
    known = example.trace(losses=losses)
    return replace(known, optimizers=("Adam",), rounded_eps=optimizers)


RULE = Rule(
    code="OPT019",
    name="eps-rounds-to-zero",
    title="The eps of the optimizer is 0 in half precision",
    why="Adam divides by the root of the squared gradients, and eps keeps that from being 0. In "
    "float16 an eps of 1e-8 is 0, and so is the square of a small gradient: 0 / 0 is NaN, and one "
    "step spoils the weights.",
    sees="""
`model.half()` with Adam, AdamW or RMSprop at their default eps of 1e-8: the first step leaves NaN
wherever a gradient is 0 or its square too small for float16.
""",
    evidence="""
The eps of each group and the type of its parameters: what is at most half of the smallest number
of float16, 3e-8, is rounded to 0. It is an error once a loss is not finite, else a note.
""",
    ignore="""
bfloat16 and float32 hold 1e-8. Automatic mixed precision keeps the parameters in float32, as do
master copies. Plain gradient descent has no eps.
""",
    references=(
        "torch documentation, torch.optim.Adam: eps",
        "Micikevicius et al. 2018, Mixed Precision Training, section 3.1: master weights",
    ),
    reads=frozenset(),
    check_run=check_run,
    thresholds={"broken": BROKEN},
    explains=("non-finite-origin", "loss-diverges", "exploding-gradient", "loss-flat"),
    cases=(
        Case("NaN after the first step", lambda: _example(_BROKEN, "Adam"), Severity.ERROR),
        Case("two of them", lambda: _example(_BROKEN, "Adam", "RMSprop"), Severity.ERROR),
        Case("near miss: an eps that counts", lambda: _example(_BROKEN), None),
        Case("it goes well so far", lambda: _example(FALLING, "Adam"), None),
        Case("readings missing: no optimizer was seen", Trace, None),
    ),
)
