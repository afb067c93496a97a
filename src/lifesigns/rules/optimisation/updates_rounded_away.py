"""OPT022: steps smaller than the spacing of the parameters' numbers: they change nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold
from lifesigns.evidence.thresholds import CALIBRATED, ENOUGH_STEPS, HALF
from lifesigns.records import Finding, ParameterReading, Quantity, Remedy, Severity, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

LOST = Threshold(
    0.5, "share of the weights with a gradient that a step left as they were", CALIBRATED
)
STEPS = Threshold(0.5, "share of the recorded steps on which that was so", "a majority")
MOST = Threshold(
    0.9,
    "share of the baseline learned from which what is lost is not missed",
    "definition: a tenth is left to learn",
)
TO_NEAREST = frozenset(
    {
        *("ASGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop"),
        *("Rprop", "SGD"),
    }
)
"""Torch's own optimizers: they round each step to the nearest number and carry nothing along."""


def check(stream: Stream) -> Iterator[Finding]:
    """At most one finding per stream."""
    shares = {s.step: share for s in stream.snapshots if np.isfinite(share := _lost(s))}
    worst = [step for step, share in shares.items() if share > LOST]
    if worst and len(worst) > STEPS * len(shares):
        yield _finding(stream, shares, worst[0])


def _short(snapshot: Snapshot) -> list[ParameterReading]:
    """Parameters of 16 bits of which it is known what a step left of them."""
    return [p for p in snapshot.parameters if np.isfinite(p.lost_updates) and p.optimized]


def _lost(snapshot: Snapshot) -> float:
    """The share of lost updates over all such parameters; NaN without any."""
    known = _short(snapshot)
    sizes = [float(np.prod(p.shape)) for p in known]
    shares = [p.lost_updates for p in known]
    return float(np.average(shares, weights=sizes)) if sum(sizes) else float("nan")


def _severity(course: Course, optimizers: Collection[str]) -> Severity:
    """The steps are proved to be lost: that something is left to learn is harm enough.

    Optimizers of other hands may round at random, or keep what was lost for a later step: half.
    """
    judged = course.steps >= ENOUGH_STEPS and not course.opposed
    slow = judged and course.gain < (MOST if TO_NEAREST.issuperset(optimizers) else HALF)
    return course.harm(HALF, alarms=slow)


def _finding(stream: Stream, shares: dict[int, float], step: int) -> Finding:
    share = float(np.median(list(shares.values())))
    largest = max(_short(stream.last), key=lambda p: float(np.prod(p.shape)))
    return RULE.finding(
        _severity(stream.course, stream.trace.optimizers),
        f"{share:.0%} of the weights do not change when the optimizer steps: "
        "the updates are lost to rounding",
        site=largest.name,
        step=step,
        measured=f"the numbers of {largest.name} are {largest.resolution:.1g} of their size apart, "
        f"so that a step below {largest.resolution * largest.weight_rms / 2:.1g} on a weight of "
        f"{largest.weight_rms:.1g} is rounded away; the rate is {largest.learning_rate:.1g}; "
        f"{stream.course}",
        expected="weights that change in every step in which they have a gradient",
        certainty=f"exact, on {len(shares)} recorded steps up to step {max(shares)} of "
        f"{stream.trace.steps}",
        causes=("lr_too_low", "other"),
        remedies=(
            Remedy(
                "Keep the weights in float32 and compute in half precision only.",
                "model = model.float()\nwith torch.autocast('cuda', dtype=torch.bfloat16):\n"
                "    loss = loss_function(model(x), y)",
                edit="keep-precision",
            ),
            Remedy(
                "Or hand the optimizer float32 copies, and copy them back after each step.",
                "masters = [p.detach().float().clone() for p in model.parameters()]",
            ),
        ),
        evidence={"share": share, "resolution": largest.resolution},
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(
    lost: float,
    losses: Sequence[float] = FLAT,
    correlation: float = float("nan"),
    optimizer: str = "SGD",
) -> Trace:
    known = example.regression(losses, update=1e-5, correlation=correlation)
    shots = [
        example.snapshot(
            s.graph,
            step=s.step,
            loss=s.loss,
            parameters=example.weights(
                s.graph,
                weight_rms=0.5,
                gradient_rms=0.1,
                update_rms=1e-5,
                learning_rate=1e-5,
                lost_updates=lost,
                resolution=2**-7,
            ),
        )
        for s in known.snapshots
    ]
    return replace(example.trace(*shots, losses=losses), optimizers=(optimizer,))


RULE = Rule(
    code="OPT022",
    name="updates-rounded-away",
    title="Half-precision weights that the optimizer's steps do not change",
    why="A number of 16 bits has two or three digits, and adding much less than its last digit "
    "leaves it as it was. The small steps that training needs are lost one by one, however many "
    "of them point the same way.",
    sees="""
A network that was turned to bfloat16 or float16 as a whole, weights included, and is trained with a
rate that is right for float32.
""",
    evidence="""
Before and after the optimizer's step the same sample of a parameter's elements is read. Of those
with a gradient, the share that is the same to the bit is what rounding took.
""",
    ignore="""
Large steps survive: such networks can learn, and once nine tenths of what there is to learn is
learned this is a note. Optimizers that are not torch's own may keep float32 copies, round at random
or carry the rounding error along, and change the weights every few steps instead of each: with them
half is enough.
""",
    references=(
        "Micikevicius et al. 2018: Mixed Precision Training, section 3.1, master weights",
        "Zamirai et al. 2020: Revisiting BFloat16 Training: nearest rounding cancels small updates",
    ),
    reads=frozenset({Quantity.PARAMETERS, Quantity.UPDATES, Quantity.LOSS}),
    check=check,
    thresholds={"lost": LOST, "steps": STEPS, "half": HALF, "most": MOST},
    explains=("rate-too-low", "loss-flat", "stopped-early", "labels-unrelated"),
    cases=(
        Case("nearly all are lost", lambda: _example(0.98), Severity.WARNING),
        Case("most are lost", lambda: _example(0.7), Severity.WARNING),
        Case(
            "it learns with the few that are left, slowly",
            lambda: _example(0.97, tuple(np.linspace(1, 0.6, 100)), correlation=0.6),
            Severity.WARNING,
        ),
        Case(
            "it learns most of it",
            lambda: _example(0.8, tuple(np.geomspace(1, 0.2, 100))),
            Severity.WARNING,
        ),
        Case(
            "near miss: the same, and the optimizer may round at random",
            lambda: _example(0.8, tuple(np.geomspace(1, 0.2, 100)), optimizer="AdamWBf16"),
            None,
        ),
        Case("near miss: it learns all the same", lambda: _example(0.7, FALLING), None),
        Case("near miss: a few are lost", lambda: _example(0.2), None),
        Case("readings missing: NaN, as for float32", lambda: _example(float("nan")), None),
    ),
)
