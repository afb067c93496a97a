"""GRD007: gradients are cleared before any step has used them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.thresholds import WEAK
from lifesigns.records import (
    BatchReading,
    Finding,
    ParameterReading,
    Quantity,
    Remedy,
    Severity,
    Snapshot,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

PASSES = Threshold(0.5, "share of a step's backward passes that no step used", "exact count")
STEPS = Threshold(0.5, "share of the recorded steps in which that was so", "a definition: a habit")
FEWEST = Threshold(3, "recorded steps in which that was so", "more than a skipped step or two")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    shots = [s for s in stream.snapshots if _trained(s)]
    wasteful = [s for s in shots if (n := _unused(s)) and n >= PASSES * _passes(stream, s)]
    if len(wasteful) >= max(FEWEST, STEPS * len(shots)) and not _last_is_larger(stream, wasteful):
        yield _finding(stream, wasteful)


def _trained(snapshot: Snapshot) -> list[ParameterReading]:
    """The parameters that a step used a gradient of."""
    return [p for p in snapshot.parameters if p.reached and p.optimized and p.gradient_rms >= 0]


def _unused(snapshot: Snapshot) -> int:
    """Backward passes of a step that it used nothing of: what one parameter kept was used."""
    return min((p.discarded_passes for p in _trained(snapshot)), default=0)


def _passes(stream: Stream, snapshot: Snapshot) -> float:
    """Backward passes of a step; no number of them is few where some belong to another loss."""
    own = int((stream.steps == snapshot.step).sum())
    alone = own == int((stream.trace.losses.steps == snapshot.step).sum())
    return own if alone else np.inf


def _last_is_larger(stream: Stream, wasteful: Sequence[Snapshot]) -> bool:
    """Whether what the step used was of more samples: the parts before were only looked at."""
    for used in wasteful:
        sizes = [s.batch.shape[0] for s in stream.snapshots if s.step == used.step and s.batch]
        if used.batch and used.batch.shape[0] > min(sizes):
            return True
    return False


def _finding(stream: Stream, wasteful: Sequence[Snapshot]) -> Finding:
    last = wasteful[-1]
    unused, passes = _unused(last), int(_passes(stream, last))
    return RULE.finding(
        stream.course.harm(WEAK, alarms=True),
        f"gradients are cleared before a step uses them: {unused} of {passes} backward passes "
        "are thrown away",
        step=wasteful[0].step,
        measured=f"at step {last.step} the gradients of all {len(_trained(last))} parameters were "
        f"cleared after {unused} of {passes} backward passes, with the weights as they were; the "
        f"step used the gradient of the last pass alone; {stream.course}",
        expected="gradients that are cleared once for each step, right after or before it",
        certainty=f"exact, on {len(wasteful)} recorded steps",
        causes=("other", "wrong_batch_size"),
        remedies=(_CLEAR, _STEP),
        evidence={"unused": unused, "passes": passes},
    )


_CLEAR = Remedy(
    "To accumulate, clear the gradients only after the step.",
    "for x, y in parts:\n    (loss_fn(model(x), y) / len(parts)).backward()\n"
    "optimizer.step()\noptimizer.zero_grad()",
)
_STEP = Remedy(
    "Or make a step after each backward pass.",
    "optimizer.zero_grad()\nloss.backward()\noptimizer.step()",
    edit="take-steps",
)


# --- cases ----------------------------------------------------------------------------------------
_POOR = [*np.linspace(1.1, 1.0, 400)]
_WELL = [*np.geomspace(1.1, 0.01, 400)]


def _example(
    unused: Sequence[int], *, passes: int = 4, losses: Sequence[float] = _POOR, sizes: int = 32
) -> Trace:
    """Recorded steps of which so many passes went unused in the first and in all other layers."""
    known = example.regression(losses, update=1e-3)
    shots = []
    for step in range(3):
        part = replace(known.snapshots[0], step=step, parameters=())
        batch = BatchReading((sizes, 3), example.sums(np.ones((sizes, 3))))
        whole = replace(
            known.snapshots[0],
            step=step,
            batch=BatchReading((32, 3), example.sums(np.ones((32, 3)))),
        )
        first, *rest = whole.parameters
        counted = [replace(first, discarded_passes=unused[0])]
        counted += [replace(p, discarded_passes=unused[-1]) for p in rest]
        shots += [replace(part, batch=batch), replace(whole, parameters=tuple(counted))]
    steps = np.arange(len(losses)) // passes
    return replace(known, snapshots=tuple(shots), losses=replace(known.losses, steps=steps))


RULE = Rule(
    code="GRD007",
    name="gradients-thrown-away",
    title="Gradients are cleared before any step has used them",
    why="A backward pass adds to the gradients that are there, which is how several batches go "
    "into one step. Cleared in between, nothing of the earlier ones is left: the step follows the "
    "last batch alone, and what only the others show is not learned.",
    sees="""
Accumulation over micro-batches with `zero_grad` inside of its loop: of four backward passes three
are for nothing. If the parts differ (a task, a domain, a camera each), only the last is learned.
""",
    evidence="""
In recorded steps with several backward passes: after a pass the gradient of every parameter was
cleared, finite and unused, for the weights were the same; the optimizer used the gradient of the
last pass, at most multiplied by a factor. It counts from half of the passes on, in at least half of
the recorded steps and in 3.
""",
    ignore="""
Gradients that were put together by hand, a step that moves the weights in between (sharpness-aware
steps, line searches), passes that ask for a gradient of the input (adversarial examples), another
loss of the same step (a GAN), parts of a larger batch that is used as a whole after them, and
batches skipped by a scaler: silent.
""",
    references=(
        "torch documentation, Optimizer.zero_grad",
        "torch documentation, Automatic Mixed Precision examples: gradient accumulation",
    ),
    reads=frozenset(
        {Quantity.PARAMETERS, Quantity.UPDATES, Quantity.STALE, Quantity.BATCH, Quantity.LOSS}
    ),
    check=check,
    thresholds={"passes": PASSES, "steps": STEPS, "fewest": FEWEST, "weak": WEAK},
    explains=(
        "loss-diverges",
        "loss-flat",
        "loss-oscillates",
        "stopped-early",
        "rate-too-low",
        "rate-too-high",
        "labels-unrelated",
        "constant-output",
        "learned-by-heart",
    ),
    cases=(
        Case("3 of 4 passes", lambda: _example([3]), Severity.ERROR),
        Case(
            "one of 2, though it fits",
            lambda: _example([1], passes=2, losses=_WELL),
            Severity.WARNING,
        ),
        Case("near miss: one of 4, a batch that was skipped", lambda: _example([1]), None),
        Case("near miss: one layer only", lambda: _example([3, 0]), None),
        Case("near miss: parts of the batch that is used", lambda: _example([3], sizes=8), None),
        Case("accumulated", lambda: _example([0]), None),
        Case("readings missing: no gradients", lambda: example.unread(_example([3])), None),
    ),
)
