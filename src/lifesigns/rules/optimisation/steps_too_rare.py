"""OPT014: one step of the optimizer for all the batches of an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import HALF, JUDGED
from lifesigns.records import Finding, Loader, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MARK = "scaled_by"
"""The detail of a loss that was divided, or multiplied, before its backward pass."""
PARTS = Threshold(
    20, "backward passes for each step", "more than accumulation over micro-batches is used for"
)
EPOCH = Threshold(
    4, "backward passes for each step, as many as a loader has batches", "an epoch of a small set"
)
FEWEST = Threshold(5, "steps after so many backward passes each", "a definition: a habit")


def check(stream: Stream) -> Iterator[Finding]:
    """At most one finding per stream; several losses in turn have no level to judge by."""
    passes = _passes(stream)
    steps, course = len(set(stream.steps.tolist())), stream.course
    if passes < EPOCH or not stream.is_alone or _is_divided(stream) or not course.gain < HALF:
        return
    loader = _loader_of(stream, passes)
    enough = FEWEST if loader is not None else JUDGED
    rests = course.learned and not course.falling
    if steps < enough or (loader is None and passes < PARTS) or rests:
        return
    severity = course.harm(HALF)
    if severity is Severity.NOTE and loader is not None and course.falling:
        severity = Severity.WARNING  # it ranks well already, and would do better
    if severity is not Severity.NOTE:
        yield _finding(stream, severity, passes, loader)


def _passes(stream: Stream) -> int:
    """Backward passes of the step that a loss belongs to, of most losses."""
    if not len(stream.steps):
        return 0
    _, place, counts = np.unique(stream.steps, return_inverse=True, return_counts=True)
    return int(np.median(counts[place]))


def _is_divided(stream: Stream) -> bool:
    """Whether a loss was scaled, as for an accumulation on purpose."""
    return any(MARK in reading.details for reading in stream.readings)


def _loader_of(stream: Stream, passes: int) -> Loader | None:
    """A loader with as many batches, the last one perhaps dropped."""
    for loader in stream.trace.loaders:
        whole, rest = divmod(loader.samples, loader.batch) if loader.batch else (0, 0)
        if passes in (whole, whole + (rest > 0)):
            return loader
    return None


def _finding(stream: Stream, severity: Severity, passes: int, loader: Loader | None) -> Finding:
    epoch = "" if loader is None else ", as many as there are batches in an epoch"
    return RULE.finding(
        severity,
        f"one step of the optimizer for {passes} backward passes{epoch}",
        step=0,
        measured=f"{counted(len(stream.steps), 'backward pass')} and "
        f"{counted(stream.trace.steps, 'step')}; the loss of each pass was not divided by their "
        f"number; {stream.course}",
        expected="a step after each backward pass, or after a few of them",
        certainty="exact: each backward pass and each step is counted",
        causes=("too_few_epochs", "wrong_batch_size", "lr_too_low", "other"),
        remedies=(_INSIDE, _DIVIDE),
        evidence={"passes": passes, "steps": stream.trace.steps},
    )


_INSIDE = Remedy(
    "Indent the step: it belongs into the loop over the batches, behind `backward`.",
    "for x, y in loader:\n    optimizer.zero_grad()\n    loss_fn(model(x), y).backward()\n"
    "    optimizer.step()",
    edit="take-steps",
)
_DIVIDE = Remedy(
    "To accumulate on purpose, divide the loss by the number of parts and take a few of them.",
    "(loss_fn(model(x), y) / parts).backward()\nif (i + 1) % parts == 0:\n"
    "    optimizer.step()\n    optimizer.zero_grad()",
)


# --- cases ----------------------------------------------------------------------------------------
_SLOWLY = [*np.geomspace(1.1, 0.8, 1200)]
_WELL = [*np.geomspace(1.1, 0.1, 1200)]
_LEVEL = [*np.geomspace(1.1, 0.7, 200), *(0.7 + 0.01 * np.sin(np.arange(1000)))]
_EPOCH = Loader(1280, 32, 30, 30)


def _example(
    losses: Sequence[float], *, passes: int = 40, loaders: Sequence[Loader] = (), scale: float = 1
) -> Trace:
    """A run with so many backward passes in each step."""
    known = example.regression(losses, update=1e-3)
    steps = np.arange(len(losses)) // passes
    details = {} if scale == 1 else {MARK: scale}
    shots = tuple(
        replace(shot, step=shot.step // passes, loss=replace(shot.loss, details=details))
        for shot in known.snapshots
        if shot.loss
    )
    total = int(steps[-1]) + 1
    return replace(
        known,
        snapshots=shots,
        losses=replace(known.losses, steps=steps),
        steps=total,
        loaders=tuple(loaders),
    )


RULE = Rule(
    code="OPT014",
    name="steps-too-rare",
    title="One step of the optimizer for many backward passes",
    why="Each step uses the gradients that are there: the sum over all batches since the last one, "
    "or the last batch alone if they are cleared in between. An epoch that could have been many "
    "steps is one, and what is learned takes as many times longer.",
    sees="""
A call of `optimizer.step()` that stands, by its indentation, behind the loop over the batches: one
step an epoch. With `zero_grad()` before that loop the gradients of all batches are summed; inside
of it only the last batch counts.
""",
    evidence="""
Backward passes and steps are counted. It counts from 20 passes for each step on, in 20 steps; or
from 4 on, in 5 steps, where a `DataLoader` has just as many batches. It is an alarm where less than
half of what there is to learn was learned, and the loss has not come to rest.
""",
    ignore="""
Accumulation on purpose divides the loss by the number of parts: silent. So is a run that fits its
targets all the same, one whose loss has come to rest, and losses whose level says little (a
reward, opponents).
""",
    references=(
        "torch documentation, Optimizing Model Parameters: the optimization loop",
        "Hermans et al. 2017, Accumulated Gradient Normalization",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "parts": PARTS,
        "epoch": EPOCH,
        "fewest": FEWEST,
        "steps": JUDGED,
        "half": HALF,
    },
    explains=(
        "stopped-early",
        "rate-too-low",
        "rate-too-high",
        "loss-flat",
        "loss-oscillates",
        "loss-diverges",
        "labels-unrelated",
        "constant-output",
        "gradients-pile-up",
        "gradients-thrown-away",
    ),
    cases=(
        Case("40 passes for each step", lambda: _example(_SLOWLY), Severity.WARNING),
        Case(
            "a small set, an epoch for each step",
            lambda: _example(_SLOWLY, passes=6, loaders=[Loader(192, 32, 200, 200)]),
            Severity.WARNING,
        ),
        Case("near miss: it fits", lambda: _example(_WELL, loaders=[_EPOCH]), None),
        Case("near miss: it has come to rest", lambda: _example(_LEVEL), None),
        Case(
            "near miss: accumulation on purpose",
            lambda: _example(_SLOWLY, loaders=[_EPOCH], scale=1 / 40),
            None,
        ),
        Case(
            "near miss: a few micro-batches",
            lambda: _example(_SLOWLY, passes=6, loaders=[_EPOCH]),
            None,
        ),
        Case("a step for each pass", lambda: _example(_SLOWLY, passes=1), None),
        Case("readings missing: no targets", lambda: example.unread(_example(_SLOWLY)), None),
    ),
)
