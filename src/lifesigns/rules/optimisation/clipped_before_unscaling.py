"""OPT031: gradients are clipped while a scaler's factor is in them, and divided by it after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import median

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MARK = "scaled_by"
"""The detail of a loss that was multiplied before `backward`."""
SCALE = Threshold(
    1024, "factor of the loss from which on clipping can be told from it", "GradScaler: 65,536"
)
CLIP = Threshold(10, "norm of used gradients times that factor: what is clipped to", "usual: 1")
SAME = Threshold(1.1, "ratio of the largest to the smallest such norm", "clipped to one number")
LEFT = Threshold(0.1, "norm of used gradients over that of the loss", "a tenth: hardly used")
OFTEN = Threshold(3, "recorded steps in which that is so", "the first and the last among them")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    shots = [s for s in stream.snapshots if s.reason == "scheduled" and _scale(s) >= SCALE]
    norms = [(_scale(s), _norm(s, "used_gradient_rms"), _norm(s, "gradient_rms")) for s in shots]
    norms = [(scale, used, own) for scale, used, own in norms if used > 0 and np.isfinite(own)]
    if len(norms) < OFTEN:
        return
    clipped = [scale * used for scale, used, _ in norms]
    left = median(used / own for _, used, own in norms)
    if max(clipped) > min(SAME * min(clipped), CLIP) or left > LEFT:
        return
    scale, limit = norms[-1][0], median(clipped)
    yield RULE.finding(
        stream.course.harm(HALF),
        f"the gradients that the optimizer gets are {left:.1g} of those of the loss",
        step=shots[0].step,
        measured=f"their norm is {limit:.3g} / {scale:g} in each of "
        f"{counted(len(norms), 'recorded step')}, and the loss was multiplied by {scale:g}: they "
        f"were clipped to {limit:.3g} before that was undone{stream.course.remark}",
        expected="gradients that are unscaled first and clipped afterwards",
        certainty=f"exact, in {stream.seen}",
        causes=("lr_too_low", "other"),
        remedies=(_UNSCALE,),
        evidence={"left": left, "limit": limit, "scale": scale},
    )


def _scale(shot: Snapshot) -> float:
    return 1.0 if shot.loss is None else shot.loss.details.get(MARK, 1.0)


def _norm(shot: Snapshot, field: str) -> float:
    """Norm over all parameters that an optimizer holds; NaN where one was not read."""
    held = [p for p in shot.parameters if p.optimized and p.gradient_rms > 0]
    return float(np.sqrt(sum(getattr(p, field) ** 2 * np.prod(p.shape) for p in held)))


_UNSCALE = Remedy(
    "Unscale the gradients before they are clipped.",
    "scaler.unscale_(optimizer)\nnn.utils.clip_grad_norm_(model.parameters(), 1.0)",
    edit="unscale-first",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    *clipped: float, scale: float = 65536.0, losses: Sequence[float] = example.FLAT
) -> Trace:
    """The norms of the gradients used at the five recorded steps, times the factor."""
    known = example.marked(example.regression(losses, update=1e-5), {MARK: scale})
    shots = []
    for shot, norm in zip(known.snapshots, clipped, strict=True):
        share = norm / scale / _norm(shot, "gradient_rms")
        used = [replace(p, used_gradient_rms=share * p.gradient_rms) for p in shot.parameters]
        shots.append(replace(shot, parameters=tuple(used)))
    return replace(known, snapshots=tuple(shots))


_TO_ONE: Sequence[float] = (1.0,) * 5
_UNSCALED: Sequence[float] = (2000.0, 65536.0, 9000.0, 20000.0, 65536.0)

RULE = Rule(
    code="OPT031",
    name="clipped-before-unscaling",
    title="Gradients are clipped before they are unscaled",
    why="A gradient scaler multiplies the loss so that small gradients are no zeros in half "
    "precision, and divides the gradients before the step. Clipped in between, they are as long "
    "as the limit says and are then divided: the steps are shorter by that factor.",
    sees="""
`scaler.scale(loss).backward()`, `clip_grad_norm_` and `scaler.step(optimizer)` without
`scaler.unscale_(optimizer)` in front of the clipping: the loss hardly moves, and a larger rate
seems to be wanted.
""",
    evidence="""
The graph tells the factor of the loss. The norm of the gradients as the optimizer used them, times
that factor, is one and the same small number in all recorded steps: the limit; it is a small part
of the norm of the gradients that the loss has.
""",
    ignore="""
Gradients that are unscaled first and then clipped have the limit itself as their norm. With an
optimizer that divides by the size of the gradient, such as Adam, this may do no harm: a note.
""",
    references=("torch, Automatic Mixed Precision examples: gradient clipping",),
    reads=frozenset({Quantity.PARAMETERS, Quantity.STALE, Quantity.LOSS}),
    check=check,
    thresholds={
        "scale": SCALE,
        "clip": CLIP,
        "same": SAME,
        "left": LEFT,
        "often": OFTEN,
        "fit": HALF,
    },
    explains=(
        *("rate-too-low", "loss-flat", "labels-unrelated", "stopped-early", "constant-output"),
        *("vanishing-gradient", "one-sided-inputs"),
    ),
    cases=(
        Case("clipped to 1", lambda: _example(*_TO_ONE), Severity.ERROR),
        Case("clipped to 0.1", lambda: _example(*[0.1] * 5, scale=4096.0), Severity.ERROR),
        Case("near miss: unscaled, then clipped", lambda: _example(*_UNSCALED), None),
        Case("near miss: a small factor", lambda: _example(*_TO_ONE, scale=128.0), None),
        Case("near miss: different norms", lambda: _example(1.0, 1.3, 0.8, 1.0, 1.0), None),
        Case(
            "it learns all the same",
            lambda: _example(*_TO_ONE, losses=example.FALLING),
            Severity.NOTE,
        ),
        Case("readings missing: no gradients", lambda: example.unread(_example(*_TO_ONE)), None),
    ),
)
