"""LOS003: outputs that nothing normalised feed a loss that takes them for probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lifesigns.evidence import Course, Stream, Threshold
from lifesigns.evidence.output import is_normalised, lacks_normalisation, output_sites
from lifesigns.evidence.thresholds import HALF, RANKS
from lifesigns.functions.losses import OPERATIONS, Takes
from lifesigns.records import Finding, Quantity, Remedy, Severity, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

POSITIVE = Threshold(1e-3, "size of an output above 0, a log-probability", "rounding")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    course = stream.course
    shots = stream.snapshots
    if unnormalised := [s for s in shots if lacks_normalisation(s)]:
        yield _log_of_outputs(unnormalised[0], course, course.harm(HALF))
    elif raw := [s for s in shots if _reads_no_logarithms(s)]:
        impossible = [s for s in raw if _is_impossible(s)]
        yield _not_log_probabilities((impossible or raw)[0], course, proved=bool(impossible))


def _is_impossible(snapshot: Snapshot) -> bool:
    """No distributions have a divergence, no labels an alignment, below 0.

    A likelihood of single classes is left out: what sinks may be a sum of probabilities, and learn.
    """
    loss = snapshot.loss
    return bool(loss and loss.operation != "nll_loss" and loss.scale > 0 and loss.fit < -POSITIVE)


def _reads_no_logarithms(snapshot: Snapshot) -> bool:
    """A loss of log-probabilities was given values that cannot be any: some are positive."""
    loss = snapshot.loss
    takes = OPERATIONS[loss.operation].takes if loss and loss.operation in OPERATIONS else None
    if loss is None or takes is not Takes.LOG_PROBABILITIES or loss.prediction is None:
        return False
    words = {snapshot.graph.sites[i].operation for i in output_sites(snapshot.graph, loss)}
    highest = float(loss.prediction.maximum.max(initial=-np.inf))
    likelihood = loss.operation == "nll_loss"
    return highest > POSITIVE and not (likelihood and words & {"log_softmax", "log"})


def _log_of_outputs(first: Snapshot, course: Course, severity: Severity) -> Finding:
    return RULE.finding(
        severity,
        "the loss takes the logarithm of outputs that no softmax or sigmoid made probabilities",
        site=_place(first),
        step=first.step,
        measured=f"{_ends(first)}; {course}",
        expected="positive outputs that sum to 1 over the classes",
        certainty="proved on the graph",
        causes=("wrong_output_activation", "wrong_loss"),
        remedies=_REMEDIES,
        evidence={"gain": course.gain, "correlation": course.correlation},
    )


def _not_log_probabilities(first: Snapshot, course: Course, *, proved: bool) -> Finding:
    """Below 0 there is no cross-entropy: such a loss falls by growing outputs, right or wrong."""
    ranks = course.correlation > RANKS
    below = course.end < 0
    given = "probabilities" if is_normalised(first) else "raw outputs"
    operation = first.loss.operation if first.loss else ""
    alarm = Severity.ERROR if proved else Severity.WARNING
    return RULE.finding(
        alarm if proved or (below and not ranks) else Severity.NOTE,
        f"{_NAMES[operation]} of {given}: no log-softmax made them log-probabilities",
        site=_place(first),
        step=first.step,
        measured=f"{_ends(first)}; {course}"
        + (f", below any {_WORDS[operation]}" if below else ""),
        expected="log-probabilities, none above 0",
        certainty="exact: a log-probability is never positive",
        causes=("wrong_loss", "wrong_output_activation"),
        remedies=_REMEDIES if operation == "nll_loss" else (_OF_DISTRIBUTIONS[operation],),
        evidence={"end": course.end, "correlation": course.correlation},
    )


def _place(snapshot: Snapshot) -> str:
    site = snapshot.loss.site if snapshot.loss else -1
    return snapshot.graph.sites[site].name if site >= 0 else ""


def _ends(snapshot: Snapshot) -> str:
    seen = snapshot.loss.prediction if snapshot.loss else None
    if seen is None or not seen.units:
        return "outputs were not read"
    return f"outputs from {seen.minimum.min():.3g} to {seen.maximum.max():.3g}"


_NAMES = {
    "nll_loss": "a negative log-likelihood",
    "kl_div": "a KL divergence",
    "ctc_loss": "a CTC loss",
}
_WORDS = {"nll_loss": "cross-entropy", "kl_div": "KL divergence", "ctc_loss": "CTC loss"}
_OF_DISTRIBUTIONS = {
    "kl_div": Remedy(
        "Give the divergence logarithms of probabilities, and probabilities as targets.",
        'loss = F.kl_div(F.log_softmax(logits, dim=1), target, reduction="batchmean")',
        edit="log-input",
    ),
    "ctc_loss": Remedy(
        "Give CTC the log-softmax over the classes.",
        "loss = F.ctc_loss(logits.log_softmax(-1), targets, input_lengths, target_lengths)",
        edit="log-input",
    ),
}
_REMEDIES = (
    Remedy(
        "Use the loss that takes raw outputs: it normalises, and takes the logarithm safely.",
        "loss = F.cross_entropy(logits, target)",
        edit="swap-loss",
    ),
    Remedy(
        "Or normalise before the logarithm.",
        "loss = F.nll_loss(F.log_softmax(logits, dim=1), target)",
    ),
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    operations: Sequence[str],
    losses: Sequence[float],
    *,
    handwritten: bool = False,
    kind: str = "cross_entropy",
    correlation: float = 0.0,
) -> Trace:
    """Four classes in turn, outputs from -1 to 2."""
    return example.fitting(
        example.chain("linear", *operations, batch=32),
        losses,
        np.linspace(-1, 2, 128).reshape(32, 4),
        example.target(np.arange(32) % 4, classes=4),
        kind=kind,
        handwritten=handwritten,
        correlation=correlation,
    )


_FLAT = [1.4] * 200
_SINKS = list(np.linspace(0, -50, 200))

RULE = Rule(
    code="LOS003",
    name="logits-as-probabilities",
    title="A loss takes outputs that nothing normalised for probabilities",
    why="Cross-entropy only makes sense for probabilities: as they sum to 1, raising one class "
    "lowers the others. Without a softmax all outputs can grow at once, and the logarithm of what "
    "is 0 or negative is cut off or not a number.",
    sees="""
A cross-entropy written by hand on the raw outputs of the last layer, or `nn.NLLLoss`,
`nn.KLDivLoss` or `nn.CTCLoss` without the log-softmax they expect in front.
""",
    evidence="""
The graph: a logarithm reads the outputs, and no softmax, sigmoid or other map to positive numbers
lies between it and the last weights. For torch's losses of log-probabilities the values: none is
ever above 0, so outputs above 0 are none, and a loss below 0 is no cross-entropy. A divergence
or a CTC loss below 0 proves it by itself.
""",
    ignore="""
For a likelihood: if the fit gets more than half of the way from a constant prediction to a perfect
one, or outputs and targets clearly correlate, it is a note: some libraries normalise inside the
loss.
""",
    references=(
        "Goodfellow, Bengio & Courville 2016, Deep Learning, section 6.2.2.3: softmax units",
        "PyTorch documentation: torch.nn.NLLLoss, KLDivLoss and CTCLoss expect log-probabilities",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"positive": POSITIVE, "learned": HALF},
    explains=(
        "loss-flat",
        "loss-diverges",
        "non-finite-origin",
        "constant-output",
        "exploding-gradient",
        "dead-units",
        "zero-gradient",
        "output-cannot-reach-target",
        "loss-oscillates",
        "penalty-outweighs-data",
    ),
    cases=(
        Case(
            "a logarithm of raw outputs",
            lambda: _example(("log",), _FLAT, handwritten=True),
            Severity.ERROR,
        ),
        Case(
            "a likelihood that sinks below 0",
            lambda: _example(("nll_loss",), _SINKS),
            Severity.WARNING,
        ),
        Case(
            "near miss: a logarithm of raw outputs that learns",
            lambda: _example(("log",), list(np.geomspace(1.4, 0.1, 200)), handwritten=True),
            None,
        ),
        Case(
            "near miss: a likelihood that ranks well all the same",
            lambda: _example(("nll_loss",), _SINKS, correlation=0.8),
            None,
        ),
        Case(
            "a divergence below 0",
            lambda: _example(("kl_div",), _SINKS, kind="kl_divergence", correlation=0.8),
            Severity.ERROR,
        ),
        Case(
            "an alignment below 0",
            lambda: _example(("ctc_loss",), _SINKS, kind="ctc"),
            Severity.ERROR,
        ),
        Case(
            "a logarithm of probabilities",
            lambda: _example(("softmax", "log"), _FLAT, handwritten=True),
            None,
        ),
        Case("log-probabilities", lambda: _example(("log_softmax", "nll_loss"), _FLAT), None),
        Case(
            "readings missing: no outputs",
            lambda: example.unread(_example(("nll_loss",), _SINKS)),
            None,
        ),
    ),
)
