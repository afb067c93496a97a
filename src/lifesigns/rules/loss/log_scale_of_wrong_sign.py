"""LOS076: a loss adds the logarithm of a scale with the sign of what the scale multiplies."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

TURNED, ALL, BY = "turned_scales", "scales", "scaled_by"
"""Details of a loss: scales of the wrong sign, all that were judged, and the mean logarithm of what
those of the wrong sign multiply by."""
ANY = Threshold(1, "scales of a loss whose logarithm has the wrong sign", "exact")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, at the first step that shows it."""
    marked = stream.marked(TURNED)
    if not marked:
        return
    (step, first), (_, last) = marked[0], marked[-1]
    turned, judged = last[TURNED], last[ALL]
    if turned < ANY:
        return
    yield RULE.finding(
        Severity.ERROR,
        "the logarithm of a scale (a log-determinant) has the wrong sign: the loss is lowest at a "
        "scale of 0",
        step=step,
        measured=f"{turned:g} of {judged:g} scales multiply data whose squares are added to the "
        "loss, and their logarithm is added with the same sign; they multiply by "
        f"exp({first[BY]:.2g}) on average at the first recorded step, by "
        f"exp({last[BY]:.2g}) at the last{stream.course.remark}",
        expected="squares of what is multiplied by a scale, less the logarithm of the scale",
        certainty="proved on the graph",
        causes=("wrong_loss",),
        remedies=(_FLOW, _VARIANCE),
        evidence={"turned": turned, "scales": judged, "scaled_by": last[BY]},
    )


_FLOW = Remedy(
    "Turn the sign of the log-determinant round: on the way from the data to the noise it is the "
    "sum of the logarithms of what the data are multiplied by.",
    "z, log_det = (x - t) * torch.exp(-s), -s.sum(-1)\nloss = -(base.log_prob(z) + log_det).mean()",
)
_VARIANCE = Remedy(
    "Of a variance, the logarithm is added to the squared error that is divided by it.",
    "loss = 0.5 * (error**2 * torch.exp(-log_variance) + log_variance).mean()",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(turned: float | None) -> Trace:
    """Six scales, of which so many have the wrong sign; None for a loss without any."""
    marks = {} if turned is None else {TURNED: turned, ALL: 6.0, BY: -0.9}
    return example.marked(example.regression(example.FALLING, update=1e-3), marks)


RULE = Rule(
    code="LOS076",
    name="log-scale-of-wrong-sign",
    title="The logarithm of a scale has the wrong sign",
    why="A density must sum to 1: whoever squeezes the data together must pay for it, and the "
    "logarithm of the scale is the price. With its sign turned round it is paid out instead: the "
    "loss is least where all data are squeezed into one point, whatever they are.",
    sees="""
A normalising flow whose coupling divides by `exp(s)` and returns `s.sum()` for the log-determinant,
or adds the log-determinant of the inverse; a Gaussian likelihood with `exp(-log_variance)` and
`- log_variance`. The loss falls fast, far below what the data allow, and samples are useless.
""",
    evidence="""
The graph: a scale, `exp(s)` or any v, multiplies or divides something whose squares, sizes or
losses are added up to the loss, and s or `log v` is a summand of the same loss. Both have the sign
for which a smaller factor lowers both, and the logarithm at least half the weight of the squares.
""",
    ignore="""
A sign that is right, in a flow, the divergence of a variational code, a loss that weighs its terms
by learned variances. A small penalty on a scale; scales that multiply in one place and divide in
another; products with rewards or advantages, which may have any sign.
""",
    references=(
        "Dinh, Sohl-Dickstein & Bengio 2017, Density estimation using Real NVP, equations 2 and 6",
        "Kendall & Gal 2017, What Uncertainties Do We Need in Bayesian Deep Learning, equation 8",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"any": ANY},
    explains=(
        *("falls-without-bottom", "loss-flat", "stopped-early", "loss-diverges", "rate-too-low"),
        *("dead-units", "saturated-units", "stacked-squashing", "constant-output"),
        *("vanishing-gradient", "zero-gradient", "exploding-gradient", "non-finite-origin"),
    ),
    cases=(
        Case("all scales", lambda: _example(6), Severity.ERROR),
        Case("one of them", lambda: _example(1), Severity.ERROR),
        Case("near miss: none of them", lambda: _example(0), None),
        Case("near miss: no logarithm of a scale", lambda: _example(None), None),
        Case("readings missing: no loss", lambda: example.unread(_example(6)), None),
    ),
)
