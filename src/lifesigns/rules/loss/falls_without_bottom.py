"""LOS070: a loss that nothing holds: it falls below 0, faster and faster."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Stream
from lifesigns.evidence.bottomless import DEPTH, FEWEST, depth, end, falls_without_bottom
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding; several losses in turn may pull each other down for a while."""
    course = stream.course
    if not stream.is_alone or not falls_without_bottom(stream.losses):
        return
    yield RULE.finding(
        Severity.ERROR,
        f"nothing holds the loss: it falls below 0 faster and faster, to {end(stream.losses):.3g}",
        step=stream.first.step,
        measured=f"the last fifth lies {depth(stream.losses):.3g} times as far below 0 as the loss "
        f"was large at first, and every fifth fell farther than the one before; {course}",
        expected="a loss with a least value, near which it slows down",
        certainty="exact: the loss of every step was read",
        causes=("wrong_loss", "exploding", "other"),
        remedies=(_BOTH_WAYS, _BOUND),
        evidence={"depth": depth(stream.losses), "end": end(stream.losses)},
    )


_BOTH_WAYS = Remedy(
    "Look for the sign, or the min in place of a max, by which an error is worth having: each "
    "error has to cost, whichever way it goes.",
    "loss = torch.max(q * error, (q - 1) * error).mean()  # quantiles: the larger of the two",
)
_BOUND = Remedy(
    "A difference that is to be large needs a bound: normalised vectors, a margin or a penalty.",
    "loss = F.relu(margin + near - far).mean()",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(losses: Sequence[float]) -> Trace:
    return example.regression(losses, update=1e-2, kind="other")


_STEPS = np.arange(100.0)
_BOTTOMLESS = tuple(2 - _STEPS**3)

RULE = Rule(
    code="LOS070",
    name="falls-without-bottom",
    title="Nothing holds the loss: it falls without bottom",
    why="A loss is a distance to something: where that is reached, it can go no lower. One without "
    "a least value is made ever smaller by outputs that grow ever larger, and the larger they are, "
    "the larger is the gradient; the fit does not enter.",
    sees="""
A loss written by hand whose sign is wrong in one part: the smaller of two costs in place of the
larger (a pinball loss with `min`), a distance that is to be large and has no margin, a product of
scores that nothing normalises.
""",
    evidence="""
The loss of every step: the mean of the last fifth is below 0, a hundred times as far as the loss
was large in its first tenth, and it fell by more from each fifth of the run to the next.
""",
    ignore="""
The likelihood of a density, an entropy that is subtracted or a reward may well be below 0: they
slow down, or are not that far. Several losses in turn (an actor and its critic, a GAN) are not
judged here: of opponents that both fall like this `opponents-agree` speaks.
""",
    references=(
        "Koenker & Bassett 1978, Regression Quantiles: the check function is the larger of two",
        "Hadsell, Chopra & LeCun 2006, Dimensionality Reduction by Learning an Invariant Mapping: "
        "a margin bounds what is pushed apart",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"fewest": FEWEST, "depth": DEPTH},
    explains=(
        *("exploding-gradient", "zero-gradient", "dead-units", "saturated-units"),
        *("rate-too-high", "constant-output", "non-finite-origin", "loss-diverges"),
    ),
    cases=(
        Case("faster and faster", lambda: _example(_BOTTOMLESS), Severity.ERROR),
        Case("by powers", lambda: _example(tuple(1 - 1.2**_STEPS)), Severity.ERROR),
        Case(
            "near miss: deep, and it slows down",
            lambda: _example(tuple(1 - 60 * np.log1p(_STEPS))),
            None,
        ),
        Case("near miss: not deep", lambda: _example(tuple(2 - 1e-5 * _STEPS**3)), None),
        Case("near miss: too short", lambda: _example(_BOTTOMLESS[:40]), None),
        Case("it falls to 0", lambda: _example(example.FALLING), None),
        Case(
            "readings missing: the losses prove it",
            lambda: example.unread(_example(_BOTTOMLESS)),
            Severity.ERROR,
        ),
    ),
)
