"""OPT009: the steps go up the loss instead of down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold
from lifesigns.evidence.course import ENTROPIES, REGRESSIONS
from lifesigns.evidence.thresholds import CALIBRATED, LEARNED, NOTHING
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

STEPS = Threshold(2, "recorded steps with gradient and update", "one may be chance")
FEWEST = Threshold(6, "recorded steps by which a term is said to fall throughout", "two a third")
SLOWING = Threshold(
    0.5, "way in the last third over that in the one before", "one that halves ends"
)
DEEP = Threshold(10.0, "times a constant's loss, by which a term lies below 0", CALIBRATED)
COSINE = Threshold(0.2, "cosine of update and gradient", "Adam's first steps: below -0.3")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding: ascent on the loss, or descent on a loss or a term of flipped sign.

    Both together are descent on the loss itself. Several losses in turn (a GAN) may well be
    climbed by one of the players.
    """
    if not stream.is_alone:
        return
    course, shots = stream.course, stream.snapshots
    climbs = [c for s in shots if np.isfinite(c := _climb(s))]
    ascends, flipped = _ascends(climbs), _flipped(shots)
    if ascends and not flipped and not course.learned:
        yield _ascent(shots, climbs, course)
    elif flipped and not ascends:
        yield _flip(shots, course)
    elif _is_bottomless(stream):
        yield _bottomless(stream)


def _ascends(climbs: Sequence[float]) -> bool:
    """Steps go up in the median, and the first does, which no momentum of earlier ones carries."""
    up = COSINE
    return len(climbs) >= STEPS and climbs[0] > up and float(np.median(climbs)) > up


def _climb(snapshot: Snapshot) -> float:
    """Cosine of the whole update and the gradient: 1 is straight up; NaN if not measured."""
    known = [p for p in snapshot.parameters if np.isfinite(p.predicted_change)]
    change = sum(p.predicted_change for p in known)
    lengths = [
        (float(np.prod(p.shape)) * p.gradient_rms**2, float(np.prod(p.shape)) * p.update_rms**2)
        for p in known
        if np.isfinite(p.gradient_rms) and np.isfinite(p.update_rms)
    ]
    product = float(np.sqrt(sum(g for g, _ in lengths) * sum(u for _, u in lengths)))
    return change / product if product > 0 else float("nan")


def _flipped(shots: Sequence[Snapshot]) -> bool:
    """A recognised loss with a negative factor, on most of the recorded steps."""
    scales = [s.loss.scale for s in shots if s.loss and s.loss.kind in _KINDS]
    known = [scale for scale in scales if np.isfinite(scale)]
    return len(known) >= STEPS and float(np.median(known)) < 0


_KINDS = ENTROPIES | REGRESSIONS


def _is_bottomless(stream: Stream) -> bool:
    """A term other than the data's falls below 0 without end, and the fit pays for it.

    One that is bounded, such as an entropy to be kept high, comes to rest; of one that costs the
    fit nothing it does not matter where it goes.
    """
    penalties, level = _penalties(stream), stream.course.baseline
    if len(penalties) < FEWEST or not stream.course.gain < NOTHING:
        return False
    parts = [float(np.median(part)) for part in np.array_split(penalties, 3)]
    falls = parts[0] > parts[1] > parts[2] and parts[2] - parts[1] < SLOWING * (parts[1] - parts[0])
    constant = level * abs(stream.readings[-1].scale)
    return falls and constant > 0 and -parts[2] / constant > DEEP


def _penalties(stream: Stream) -> list[float]:
    """What the terms that are no comparison with targets add to the loss, where that is known."""
    return [r.penalty for r in stream.readings if r.penalised and np.isfinite(r.penalty)]


def _bottomless(stream: Stream) -> Finding:
    penalties = _penalties(stream)
    return RULE.finding(
        Severity.ERROR,
        "a term of the loss has the wrong sign: it falls below 0 without end",
        step=stream.first.step,
        measured=f"without its data terms the loss went from {penalties[0]:.3g} to "
        f"{penalties[-1]:.3g}; {stream.course}",
        expected="a penalty that is 0 at the least",
        certainty="exact on the recorded steps; that the sign is to blame is likely",
        causes=("wrong_loss", "other", "exploding"),
        remedies=(
            Remedy(
                "Turn the sign of the term: a divergence is 0 at the least.",
                "kl = -0.5 * (1 + log_var - mean**2 - log_var.exp()).sum(1)",
            ),
        ),
        evidence={"penalty": penalties[-1]},
    )


def _ascent(shots: Sequence[Snapshot], climbs: Sequence[float], course: Course) -> Finding:
    cosine = float(np.median(climbs))
    known = any(s.loss and s.loss.kind in _KINDS for s in shots)
    return RULE.finding(
        Severity.ERROR if known else Severity.NOTE,  # another quantity may be one to make larger
        "the steps go up the loss: updates point along the gradient",
        step=shots[0].step,
        measured=f"updates and gradients have a cosine of {cosine:.2f} (median of {len(climbs)} "
        f"steps), -1 is straight down; {course}",
        expected="updates against the gradient",
        certainty="exact: gradient and update of the same steps",
        causes=("other", "exploding"),
        remedies=(
            Remedy(
                "Minimise: drop `maximize=True`, or the minus before the rate.",
                "optimizer = torch.optim.SGD(model.parameters(), lr=0.01, maximize=False)",
                edit="minimise",
            ),
        ),
        evidence={"cosine": cosine},
    )


def _flip(shots: Sequence[Snapshot], course: Course) -> Finding:
    kind = next(s.loss.kind for s in shots if s.loss and s.loss.kind in _KINDS)
    return RULE.finding(
        Severity.ERROR,
        f"the loss has the wrong sign: minus {kind.replace('_', ' ')} is made smaller",
        step=shots[0].step,
        measured=f"the factor before the {kind.replace('_', ' ')} is negative; {course}",
        expected="a positive factor: the error itself is made smaller",
        certainty="exact: read from the graph",
        causes=("wrong_loss", "other", "exploding"),
        remedies=(Remedy("Drop the minus.", "loss = criterion(output, target)", edit="minimise"),),
        evidence={},
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(
    cosines: Sequence[float],
    *,
    losses: Sequence[float] = tuple(np.geomspace(1, 50, 60)),
    scale: float = 1.0,
    kind: str = "squared_error",
) -> Trace:
    """Recorded steps whose updates have these cosines with the gradient; targets ±1."""
    sign = np.tile([[-1.0], [1.0]], (16, 1))
    graph = example.chain("linear", "relu", "linear/1", "mse_loss", batch=32)
    shots = []
    for step, cosine in enumerate(cosines):
        readings = [
            p.__class__(
                p.name, p.shape, weight_rms=0.5, gradient_rms=0.1, update_rms=0.01,
                predicted_change=cosine * 0.1 * 0.01 * float(np.prod(p.shape)),
            )
            for p in example.weights(graph)
        ]  # fmt: skip
        loss = LossReading(
            losses[step], kind, "mse_loss", fit=losses[step], scale=scale, site=3,
            input_shape=(32, 1), prediction=example.sums(0.1 * sign), target=example.target(sign),
        )  # fmt: skip
        shots.append(example.snapshot(graph, step=step, parameters=readings, loss=loss))
    return example.trace(*shots, losses=losses)


def _term(penalties: Sequence[float], fit: float, between: float = 1.0) -> Trace:
    """A squared error of targets ±1 beside a term of these values, one for each fifth step.

    On the steps between them, which are not recorded, it is `between` times as large.
    """
    sign = np.tile([[-1.0], [1.0]], (16, 1))
    graph = example.chain("linear", "relu", "linear/1", "mse_loss", batch=32)
    shots = [
        example.snapshot(graph, step=5 * i, loss=LossReading(
            fit + penalty, "squared_error", "mse_loss", fit=fit, scale=1.0, site=3,
            input_shape=(32, 1), prediction=example.sums(0.1 * sign), target=example.target(sign),
            penalised=True,
        ))
        for i, penalty in enumerate(penalties)
    ]  # fmt: skip
    steps = np.arange(5 * len(penalties) - 4)
    sizes = np.interp(steps, steps[::5], penalties) * np.where(steps % 5, between, 1.0)
    return example.trace(*shots, losses=fit + sizes)


_FALLING = tuple(np.geomspace(1, 0.01, 60))

RULE = Rule(
    code="OPT009",
    name="wrong-direction",
    title="The steps go up the loss instead of down",
    why="The gradient points to where the loss grows fastest, so a step must go against it. With "
    "the sign turned round every step makes the network worse, ever faster.",
    sees="""
Updates along the gradient (`maximize=True`, a plus where the minus belongs), or a loss with a minus
before it, which is then made ever more negative. Or one term of the sum, such as a divergence
written by hand, has the wrong sign and no minimum: it runs away below 0, and the fit with it.
""",
    evidence="""
The cosine of update and gradient over all parameters of a recorded step, of which the median must
be clearly positive; the sign of the factor before a loss that is recognised in the graph; and what
the terms that compare nothing with targets add, on every recorded step.
""",
    ignore="""
Momentum and Adam let single steps climb. A likelihood or reward is there to be climbed: minus a
known loss may be made larger, and of a loss that is none of those known here it is only noted.
A generator may climb its discriminator's loss: several losses in turn are not judged. A term
below 0 that comes to rest (an entropy to be kept high), or that costs the fit nothing, is left
alone.
""",
    references=(
        "torch documentation, SGD: maximize",
        "Goodfellow, Bengio & Courville 2016, Deep Learning, section 4.3",
    ),
    reads=frozenset({Quantity.PARAMETERS, Quantity.UPDATES, Quantity.LOSS}),
    check=check,
    thresholds={
        "steps": STEPS,
        "cosine": COSINE,
        "gain": LEARNED,
        "fewest": FEWEST,
        "slowing": SLOWING,
        "deep": DEEP,
    },
    explains=(
        "loss-diverges",
        "loss-flat",
        "exploding-gradient",
        "non-finite-origin",
        "dead-units",
        "saturated-units",
        "constant-output",
        "zero-gradient",
        "labels-unrelated",
        "rate-too-high",
        "loss-oscillates",
    ),
    cases=(
        Case("straight up", lambda: _example([1.0, 1.0, 1.0]), Severity.ERROR),
        Case("up with Adam", lambda: _example([0.5, 0.4, 0.6]), Severity.ERROR),
        Case(
            "a loss of the wrong sign",
            lambda: _example([-1.0] * 3, losses=tuple(-np.geomspace(1, 50, 60)), scale=-1.0),
            Severity.ERROR,
        ),
        Case(
            "a term without a minimum",
            lambda: _term(list(-np.geomspace(1, 1e4, 20)), fit=3.0),
            Severity.ERROR,
        ),
        Case(
            "a term without a minimum that hides the fit between the recordings",
            lambda: _term(list(-np.geomspace(1, 1e12, 20)), 3.0, between=2.0),
            Severity.ERROR,
        ),
        Case(
            "near miss: a term below 0 that comes to rest",
            lambda: _term(list(-20 + 20 * 0.5 ** np.arange(20)), fit=1.0),
            None,
        ),
        Case(
            "near miss: a term without a minimum that costs the fit nothing",
            lambda: _term(list(-np.geomspace(1, 1e4, 20)), fit=0.3),
            None,
        ),
        Case(
            "near miss: a likelihood is climbed",
            lambda: _example([1.0] * 3, losses=tuple(-np.geomspace(9, 0.1, 60)), scale=-1.0),
            None,
        ),
        Case("near miss: perhaps a reward", lambda: _example([1.0] * 3, kind="other"), None),
        Case("near miss: momentum carries it up", lambda: _example([-1, 0.9, 0.5, 0.8]), None),
        Case("near miss: single steps climb", lambda: _example([-1, 0.9, -0.5, -0.8]), None),
        Case("near miss: it learns", lambda: _example([0.9] * 4, losses=_FALLING), None),
        Case("downhill", lambda: _example([-1.0] * 4, losses=_FALLING), None),
        Case("readings missing: NaN", lambda: _example([float("nan")] * 3), None),
    ),
)
