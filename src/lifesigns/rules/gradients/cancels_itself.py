"""GRD010: what a network made is added and taken away again, so that no gradient comes back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

WEIGHTS, ALONE, SITE = "cancelled_weights", "cancelled_alone", "cancelled_site"
"""Details of a loss: weights that a term reaches only through a value which cancels itself, those
of them that no other term reaches, and the site of the value."""
STEPS = Threshold(2, "recorded steps in which it is so", "one may be a trial")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    shots = [s for s in stream.snapshots if s.loss is not None and s.loss.details.get(WEIGHTS)]
    if len(shots) < STEPS or len(shots) < len(stream.readings):
        return
    last = shots[-1]
    details = {} if last.loss is None else last.loss.details
    weights, alone = details[WEIGHTS], details[ALONE]
    at = int(details[SITE]) if SITE in details else None
    name = "" if at is None else last.graph.sites[at].name
    rest = "no other term reaches them" if alone else "other terms alone train them"
    yield RULE.finding(
        stream.course.harm(HALF, alarms=True),
        f"what {name} gives is added and taken away again: no gradient comes back to it"
        if name
        else "a value is added and taken away again: no gradient comes back to it",
        site=name,
        step=shots[0].step,
        measured=f"a sum holds it as often with a minus as with a plus, in "
        f"{counted(len(shots), 'recorded step')}; a term of the loss leads to {weights:,.0f} "
        f"weights through this sum alone, and {rest}{stream.course.remark}",
        expected="a gradient that comes back to what the sum is written with",
        certainty="proved on the graph",
        causes=("frozen", "vanishing", "other"),
        remedies=(_STRAIGHT,),
        evidence={"weights": weights, "alone": alone},
    )


_STRAIGHT = Remedy(
    "Detach the difference (a straight-through estimator): the sum has the value of the one, and "
    "the gradient of the other.",
    "z = z + (q - z).detach()",
    edit="detach-difference",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    alone: float = 0, *, losses: Sequence[float] = example.FLAT, site: bool = True
) -> Trace:
    """A term of the loss reaches 400 weights through such a sum alone."""
    marks = {WEIGHTS: 400.0, ALONE: alone} | ({SITE: 0.0} if site else {})
    return example.marked(example.regression(losses, update=1e-3), marks)


def _once() -> Trace:
    return example.marked_each(
        example.regression(example.FLAT, update=1e-3), [{WEIGHTS: 400.0, ALONE: 0.0}]
    )


RULE = Rule(
    code="GRD010",
    name="cancels-itself",
    title="A value that is added and taken away again",
    why="A sum in which something is added and taken away is independent of it, and so is its "
    "gradient. What made it looks connected, in the code as in the graph, and learns nothing by "
    "this loss.",
    sees="""
A straight-through estimator without its `detach()`: `z + (q - z)` for a quantised code, `hard -
soft + soft` for a choice, `w + (w.sign() - w)` for a weight. The value is right, and the encoder,
or the layer that chooses, stays as it was but for what other terms make of it.
""",
    evidence="""
In the graph a sum, with the sums and differences that it is made of, holds one output of one
operation, or a parameter, with factors that add up to 0. Whatever else it holds does not lead to
it, unless by a step such as a rounding, whose derivative is 0. And there are weights that a term of
the loss reaches in no other way. Exact, read off the graph: no value is looked at.
""",
    ignore="""
Nothing cancels where the difference has a factor (a running mean, `torch.lerp`), where it is
detached, or where the same was computed twice, as with two calls of a dropout. `x - x`, which
touches a parameter and leaves the loss as it is, is not told, nor is a value that the rest of the
sum was made of.
""",
    references=(
        "Bengio, Léonard & Courville 2013, Estimating or Propagating Gradients Through Stochastic "
        "Neurons for Conditional Computation",
        "van den Oord, Vinyals & Kavukcuoglu 2017, Neural Discrete Representation Learning",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS, "fit": HALF},
    explains=(
        *("constant-output", "dead-units", "labels-unrelated", "loss-flat", "one-loss-unlearned"),
        *("rate-too-low", "signal-fades", "stopped-early", "vanishing-gradient", "zero-gradient"),
    ),
    cases=(
        Case("nothing is learned", _example, Severity.ERROR),
        Case(
            "of a parameter, which no term reaches",
            lambda: _example(400, site=False),
            Severity.ERROR,
        ),
        Case("it learns all the same", lambda: _example(losses=example.FALLING), Severity.WARNING),
        Case("near miss: in one step", _once, None),
        Case(
            "near miss: nothing cancels",
            lambda: example.regression(example.FLAT, update=1e-3),
            None,
        ),
        Case("readings missing: no loss", lambda: example.unread(_example()), None),
    ),
)
