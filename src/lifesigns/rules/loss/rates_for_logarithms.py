"""LOS033: a rate is handed to a loss that takes it for the logarithm of one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.misfit import POOR, misfit, reached
from lifesigns.evidence.output import compared_activation
from lifesigns.evidence.thresholds import ENOUGH_STEPS, HALF
from lifesigns.functions import ACTIVATIONS
from lifesigns.records import Finding, Quantity, Remedy, Severity, SiteReading, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

OF_LOGARITHMS = "poisson_nll_loss"
"""The loss, as it is recognised where its input is the logarithm of a rate."""
OF_RATES = frozenset({"exp", "softplus"})
"""What makes any number positive, as a rate is and its logarithm need not be."""
ZEROS = Threshold(0.05, "share of the counts that are 0, as rates near 1 give", "rates up to 3")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    if not stream.readings or stream.readings[-1].operation != OF_LOGARITHMS:
        return
    site, targets = compared_activation(stream.last), stream.targets
    if site is None or targets is None or not targets.units:
        return
    low, _ = ACTIVATIONS[site.operation].range(site.details)
    mean = float(targets.mean.min())
    if low < 0 or not mean > 0:
        return
    zeros = 1 - float(targets.active.sum() / targets.count.sum())
    least = math.exp(low)
    if mean < least or zeros > math.exp(-least):
        yield _finding(stream, site.name, low, mean, zeros, misfit(stream.course))
    elif site.operation == "exp" or (site.operation in OF_RATES and zeros > ZEROS):
        yield _finding(stream, site.name, low, mean, zeros, Severity.WARNING)


def _finding(
    stream: Stream, site: str, low: float, mean: float, zeros: float, severity: Severity
) -> Finding:
    return RULE.finding(
        severity,
        f"{site} gives rates, the loss takes their logarithms",
        site=site,
        step=stream.first.step,
        measured=f"outputs from {low:.3g} on are logarithms of rates from {math.exp(low):.3g} on; "
        f"the targets have a mean of {mean:.3g}; {zeros:.0%} of them are 0"
        f"{reached(stream.course)}",
        expected="an output that can be the logarithm of any rate",
        certainty=f"exact, on the targets of {len(stream.readings)} recorded steps",
        causes=("wrong_output_activation", "wrong_loss"),
        remedies=(
            Remedy(
                "Say that the output is a rate.",
                "loss = F.poisson_nll_loss(rate, y, log_input=False)",
                edit="log-input",
            ),
            Remedy(
                "Or leave the activation out, and take the exponential to predict.",
                "loss = F.poisson_nll_loss(output, y)\nrate = output.exp()",
                edit="drop-activation",
            ),
        ),
        evidence={"low": low, "target_mean": mean, "zeros": zeros},
    )


# --- cases ----------------------------------------------------------------------------------------
def _example(
    counts: Sequence[float], activation: str = "softplus", operation: str = OF_LOGARITHMS
) -> Trace:
    """Counts, and a likelihood of what this activation gives."""
    targets = np.reshape(counts, (-1, 1))
    outputs = np.resize([0.1, 0.9], targets.shape)
    return example.fitting(
        example.chain("linear", activation, "nll_loss", units=10, batch=len(targets)),
        [1.0] * 60,
        outputs,
        example.target(targets),
        sites=[SiteReading(1, example.sums(outputs))],
        kind="poisson",
        operation=operation,
    )


_RARE, _SOME, _MANY = (0, 0, 0, 1), (0, 3, 4, 1), (3, 1, 4, 2)

RULE = Rule(
    code="LOS033",
    name="rates-for-logarithms",
    title="A rate where the loss takes its logarithm",
    why="This loss takes the exponential of its input. An output that cannot be negative then "
    "means a rate of 1 at the least, and rarer events cannot be told from one another.",
    sees="""
A network for counts whose last layer ends in an exponential, a softplus or a ReLU, so that its
output is a rate, before `F.poisson_nll_loss`, which expects the logarithm of the rate unless it is
told otherwise. Nothing fails, and the loss even falls: towards rates of 1 and more, however rare
the events are; and what the network gives is no rate.
""",
    evidence="""
The loss is recognised as the likelihood of counts that takes a logarithm, the values it compares
are those of an activation that is never negative. The mean of the targets lies below the smallest
rate which that activation can say, 1 for an output from 0 on, or more of them are 0 than such a
rate gives. Of an exponential that alone is proof, as nobody takes it twice; of a softplus, counts
of 0 among the targets.
""",
    ignore="""
Behind a ReLU, or a softplus where hardly a count is 0, the logarithm of a mean above 1 is within
reach. As long as rates below 1 are learned all the same, that is if the network gets more than half
of the way from a constant prediction to a perfect one, it is a note.
""",
    references=(
        "PyTorch, `torch.nn.functional.poisson_nll_loss`: `log_input`",
        "McCullagh & Nelder 1989, Generalized Linear Models, chapter 6: log-linear models",
    ),
    reads=frozenset({Quantity.ACTIVATIONS, Quantity.LOSS}),
    check=check,
    thresholds={"learned": HALF, "weak": POOR, "steps": ENOUGH_STEPS, "zeros": ZEROS},
    explains=(
        "squared-error-on-saturated-output",
        "non-finite-origin",
        "loss-flat",
        "saturated-units",
        "dead-units",
        "constant-output",
        "zero-gradient",
    ),
    cases=(
        Case("a softplus for rare events", lambda: _example(_RARE), Severity.WARNING),
        Case("a ReLU for rare events", lambda: _example(_RARE, "relu"), Severity.WARNING),
        Case("a softplus where some counts are 0", lambda: _example(_SOME), Severity.WARNING),
        Case("an exponential, twice", lambda: _example(_MANY, "exp"), Severity.WARNING),
        Case("near miss: a softplus for many events", lambda: _example(_MANY), None),
        Case("near miss: a ReLU, some counts are 0", lambda: _example(_SOME, "relu"), None),
        Case("an output that may be negative", lambda: _example(_RARE, "tanh"), None),
        Case("the loss takes rates", lambda: _example(_RARE, operation="poisson"), None),
        Case("readings missing: no targets", lambda: example.unread(_example(_RARE)), None),
    ),
)
