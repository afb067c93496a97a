"""OPT021: gradients are computed again and again, and no step is ever made with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lifesigns.evidence import Run, Threshold
from lifesigns.evidence.still import nothing_moves, trained
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

PASSES = Threshold(
    20,
    "backward passes without a step: steps that should have come",
    "more than accumulation over micro-batches puts into one step",
)


def check_run(run: Run) -> Iterator[Finding]:
    """At most one finding."""
    passes = len(run.trace.losses.steps)
    if passes < PASSES or not _never_stepped(run.trace) or not nothing_moves(run):
        return
    if _has_gradients(run) and not _only_looks(run):
        yield _finding(run, passes)


def _never_stepped(trace: Trace) -> bool:
    """Whether no optimizer made a step: the rates are read at each."""
    return not len(trace.rates.steps) and (bool(trace.idle) or not trace.optimizers)


def _has_gradients(run: Run) -> bool:
    """Whether there was something to step with, finite throughout: a scaler skips what is not."""
    readings = [p for history in trained(run) for p in history]
    sizes = np.array([p.gradient_rms for p in readings])
    broken = any(p.nonfinite_gradients for p in readings)
    broken = broken or any(stream.course.nonfinite for stream in run.losses)
    return bool((sizes > 0).any()) and not broken


def _only_looks(run: Run) -> bool:
    """A network in evaluation mode, and no optimizer: saliency maps, attacks, visualisations."""
    return not run.trace.idle and any(s.evaluating for s in run.trace.snapshots)


def _finding(run: Run, passes: int) -> Finding:
    idle, parameters = run.trace.idle, len(trained(run))
    whose = f"{' and '.join(idle)} made no step" if idle else "no optimizer made a step"
    return RULE.finding(
        Severity.ERROR,
        f"{passes} backward passes and no step: the weights do not change",
        step=0,
        measured=f"{whose} in {passes} backward passes; all {parameters} parameters that the loss "
        f"reaches got gradients and were the same, to the bit, in {run.trace.recorded_steps} "
        f"recorded steps, the last one step {run.trace.snapshots[-1].step}",
        expected="a step after each backward pass, or after a few of them",
        certainty=f"exact, as of {passes} backward passes",
        causes=("frozen", "other"),
        remedies=(_STEP, _MAKE) if idle else (_MAKE, _STEP),
        evidence={"passes": passes, "parameters": parameters},
    )


_STEP = Remedy(
    "Step the optimizer, then the scheduler: the one does not replace the other.",
    "loss.backward()\noptimizer.step()\nscheduler.step()",
    edit="take-steps",
)
_MAKE = Remedy(
    "Make an optimizer of the network's parameters, and step it after each backward pass.",
    "optimizer = torch.optim.Adam(model.parameters())",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    *, passes: int = 100, idle: Sequence[str] = ("Adam",), weight: Sequence[float] = (0.1, 0.1),
    evaluating: tuple[str, ...] = (), **reading: Any,
) -> Trace:  # fmt: skip
    """A run in which weights of these sizes get gradients."""
    graph = example.chain("linear", "relu", "linear/1", "mse_loss")
    shots = [
        example.snapshot(
            graph,
            step=step,
            evaluating=evaluating,
            parameters=example.weights(
                graph, **{"weight_rms": size, "gradient_rms": 0.2, "update_rms": 0.0, **reading}
            ),
        )
        for step, size in enumerate(weight)
    ]
    return replace(example.trace(*shots, losses=np.ones(passes)), idle=tuple(idle))


RULE = Rule(
    code="OPT021",
    name="steps-never-come",
    title="Backward passes, and no step that uses their gradients",
    why="A backward pass only computes gradients; it is the optimizer's step that changes the "
    "weights. Without it every epoch repeats the first, and a loss that varies with the batches "
    "looks like one that will not fall.",
    sees="""
A loop that calls `backward` and never `optimizer.step`: the scheduler is stepped in its place, the
call is in a branch that is not taken, or the step is made by an optimizer of other parameters.
""",
    evidence="""
No optimizer stepped in at least 20 backward passes. Every parameter that the loss reaches got a
gradient, and was the same to the bit before and after each recorded step and from the first
recorded step to the last. Optimizers that exist and hold the parameters are named.
""",
    ignore="""
A script that only looks at gradients (saliency, attacks) has no optimizer and its network in
evaluation mode: silent. Gradients that are not finite make a scaler skip steps; that is another
rule's matter.
""",
    references=(
        "torch documentation, Optimizing Model Parameters: backward, then step",
        "torch documentation, How to adjust learning rate: call it after optimizer.step()",
    ),
    reads=frozenset({Quantity.PARAMETERS, Quantity.UPDATES}),
    check_run=check_run,
    thresholds={"passes": PASSES},
    explains=("rate-too-low", "loss-flat", "stopped-early", "labels-unrelated", "constant-output"),
    cases=(
        Case("an optimizer that never steps", lambda: _example(), Severity.ERROR),
        Case("no optimizer at all", lambda: _example(idle=()), Severity.ERROR),
        Case("near miss: few passes so far", lambda: _example(passes=19), None),
        Case("near miss: something moves them", lambda: _example(weight=(0.1, 0.11)), None),
        Case(
            "near miss: it only looks at gradients",
            lambda: _example(idle=(), evaluating=("",)),
            None,
        ),
        Case("near miss: a scaler skips", lambda: _example(nonfinite_gradients=1), None),
        Case("steps made by hand", lambda: _example(idle=(), update_rms=1e-3), None),
        Case("readings missing: no updates", lambda: example.unread(_example()), None),
    ),
)
