"""OPT012: the optimizer steps, gradients are there, and no weight changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Run, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.still import nothing_moves, trained
from lifesigns.evidence.thresholds import JUDGED
from lifesigns.records import Finding, ParameterReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

SHOWS = Threshold(
    10, "times the weight's rounding that a step must be, to be expected to show", "arithmetic"
)
OFTEN = Threshold(2, "recorded steps with a gradient and without a change", "one may be skipped")


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding."""
    if run.trace.steps < JUDGED or not nothing_moves(run):
        return
    readings = [p for each in trained(run) for p in each if p.reached and p.trainable]
    steps = max(sum(map(_should_move, each)) for each in trained(run))
    if not all(p.optimized and _is_plain(p) for p in readings) or steps < OFTEN:
        return
    first = next(p for p in readings if _should_move(p))
    yield RULE.finding(
        Severity.ERROR,
        "the optimizer steps and no weight changes, though there are gradients",
        site=first.name,
        step=run.trace.snapshots[0].step,
        measured=f"in {counted(int(steps), 'recorded step')} backward left gradients (RMS "
        f"{first.gradient_rms:.2g} at {first.name}), the rate was {first.learning_rate:g}, and all "
        f"{counted(len(trained(run)), 'parameter')} that the loss reaches are what they were, to "
        "the bit",
        expected="weights that a step changes",
        certainty="exact, in the recorded steps",
        causes=("other", "frozen"),
        remedies=(_CLEAR, _LOOK),
        evidence={"steps": steps},
    )


def _is_plain(reading: ParameterReading) -> bool:
    """Whether nothing else is known that would keep it from moving."""
    rounded = np.isfinite(reading.lost_updates)
    return not rounded and not reading.nonfinite_gradients and not reading.nonfinite_weights


def _should_move(reading: ParameterReading) -> bool:
    """Whether a step along the gradient, or one as long as the rate, would show."""
    step = reading.learning_rate * np.minimum(1.0, reading.gradient_rms)
    resolution = np.finfo(np.float32).eps
    return bool(step > SHOWS * resolution * max(reading.weight_rms, resolution))


_CLEAR = Remedy(
    "Clear the gradients before `backward`, not between it and the step.",
    "optimizer.zero_grad()\nloss.backward()\noptimizer.step()",
    edit="zero-grad",
)
_LOOK = Remedy(
    "Look for what puts the weights back, or for a step that is skipped: print one weight before "
    "and after it.",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    update: float = 0.0, *, gradient: float = 0.1, rate: float = 0.01, optimized: bool = True
) -> Trace:
    known = example.regression(example.FLAT, update=update)
    shots = tuple(
        replace(
            shot,
            parameters=tuple(
                replace(p, gradient_rms=gradient, learning_rate=rate, optimized=optimized)
                for p in shot.parameters
            ),
        )
        for shot in known.snapshots
    )
    return replace(known, snapshots=shots)


RULE = Rule(
    code="OPT012",
    name="steps-change-nothing",
    title="Steps of the optimizer change no weight",
    why="An optimizer uses the gradients that are there when it steps, and leaves alone what has "
    "none. Where they were cleared just before, every step is made and none has an effect.",
    sees="""
`optimizer.zero_grad()` between `loss.backward()` and `optimizer.step()`; weights that are put back
after each step; a scaler or a hook that skips all steps.
""",
    evidence="""
After `backward` the parameters had gradients, finite and not 0; an optimizer that holds them
stepped with a rate at which the change would show in float32; and no parameter that the loss
reaches was changed in any recorded step, to the bit.
""",
    ignore="""
Nothing trained for use does this. A rate of 0, rates so small that rounding swallows the step,
weights of 16 bits and parameters in no optimizer are told apart, and have rules of their own.
""",
    references=("PyTorch, `torch.optim.Optimizer.zero_grad`: set_to_none",),
    reads=frozenset({Quantity.PARAMETERS, Quantity.UPDATES}),
    check_run=check_run,
    thresholds={"shows": SHOWS, "often": OFTEN, "judged": JUDGED},
    explains=(
        "loss-flat",
        "rate-too-low",
        "labels-unrelated",
        "constant-output",
        "stopped-early",
        "zero-gradient",
        "loss-oscillates",
    ),
    cases=(
        Case("cleared before the step", _example, Severity.ERROR),
        Case("of small gradients", lambda: _example(gradient=1e-3), Severity.ERROR),
        Case("near miss: steps of a millionth", lambda: _example(1e-6), None),
        Case("near miss: a rate that rounding swallows", lambda: _example(rate=1e-9), None),
        Case("no gradient", lambda: _example(gradient=0.0), None),
        Case("a gradient that was not read", lambda: _example(gradient=np.nan), None),
        Case("in no optimizer", lambda: _example(optimized=False), None),
        Case("readings missing: no updates", lambda: example.unread(_example()), None),
    ),
)
