"""OPT036: Adam averages gradients for far longer than their squares: its betas are exchanged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lifesigns.evidence import Run, Threshold
from lifesigns.records import Finding, LongMomentum, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

TIMES = Threshold(
    4.5, "times as many steps as the squares are averaged over", "0.9 and 0.5: 10 steps and 2"
)


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding, for the optimizer whose memories are farthest apart."""
    found = [one for one in run.trace.long_momenta if _ratio(one) > TIMES]
    if found:
        worst = max(found, key=_ratio)
        harmed = any(stream.course.harmed for stream in run.losses)
        yield _finding(worst, Severity.ERROR if harmed else Severity.WARNING)


def _ratio(one: LongMomentum) -> float:
    gradients, squares = one.memories
    return gradients / squares


def _finding(one: LongMomentum, severity: Severity) -> Finding:
    gradients, squares = one.memories
    usual = f"({one.second:g}, {one.first:g})"
    return RULE.finding(
        severity,
        f"betas=({one.first:g}, {one.second:g}) of {one.optimizer}: the momentum has a longer "
        "memory than the scale of the steps",
        step=0,
        measured=f"gradients are averaged over about {gradients:.3g} steps, their squares over "
        f"about {squares:.3g}",
        expected=f"betas={usual}: the first number, of the gradients, is not above the second one",
        certainty="exact, by the settings of the optimizer",
        causes=("other", "lr_too_high"),
        remedies=(
            Remedy(
                "Exchange them: the first is of the gradients, the second of their squares.",
                f"optimizer = torch.optim.{one.optimizer}(model.parameters(), betas={usual})",
            ),
        ),
        evidence={"gradients": gradients, "squares": squares},
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(losses: Sequence[float], *betas: tuple[float, float]) -> Trace:
    found = tuple(LongMomentum("AdamW", *pair) for pair in betas)
    known = example.regression(losses, update=1e-3)
    return replace(known, optimizers=("AdamW",), long_momenta=found)


RULE = Rule(
    code="OPT036",
    name="betas-exchanged",
    title="The two betas of Adam are exchanged",
    why="Adam moves along an average of gradients and divides by the root of an average of their "
    "squares, which is to be the steadier one. With a momentum of a thousand steps and a scale of "
    "ten it follows gradients of long ago: the weights run past a minimum, swing back, and a small "
    "gradient makes a large step of what is left in the momentum.",
    sees="""
`betas=(0.999, 0.9)` where (0.9, 0.999) is meant, from a table of settings or a line that was typed.
The loss falls late and in waves, and ends above where it could.
""",
    evidence="""
The settings of optimizers named after Adam or LAMB, as they begin: the memory of the momentum,
1 / (1 - beta1) steps, is more than four and a half times that of the squares. It is a warning also
where the network learns, an error where nothing is learned.
""",
    ignore="""
Equal numbers are right, as (0.9, 0.9) or (0.95, 0.95), and so is a first one that is a little above
the second. Optimizers that mean something else by them are left alone: Lion, Adan, schedule-free
ones.
""",
    references=(
        "Kingma & Ba 2015, Adam: A Method for Stochastic Optimization, algorithm 1",
        "Reddi, Kale & Kumar 2018, On the Convergence of Adam and Beyond: beta1 < sqrt(beta2)",
    ),
    reads=frozenset({Quantity.LOSS}),
    check_run=check_run,
    thresholds={"times": TIMES},
    explains=(
        *("loss-flat", "loss-diverges", "loss-oscillates", "rate-too-high", "rate-too-low"),
        *("stopped-early", "rate-ran-out", "constant-output", "dead-units", "saturated-units"),
        *("exploding-gradient", "labels-unrelated"),
    ),
    cases=(
        Case("those of the default", lambda: _example(FLAT, (0.999, 0.9)), Severity.ERROR),
        Case("it learns", lambda: _example(FALLING, (0.999, 0.9)), Severity.WARNING),
        Case("those of a critic", lambda: _example(FALLING, (0.9, 0.5)), Severity.WARNING),
        Case(
            "of one group alone",
            lambda: _example(FALLING, (0.95, 0.9), (0.98, 0.9)),
            Severity.WARNING,
        ),
        Case("near miss: a little above", lambda: _example(FLAT, (0.95, 0.9)), None),
        Case("near miss: in the usual order", lambda: _example(FLAT), None),
        Case("readings missing: no optimizer was seen", Trace, None),
    ),
)
