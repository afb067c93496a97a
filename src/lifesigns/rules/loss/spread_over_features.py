"""LOS099: a loss holds up the spread of each sample's features, where that of samples is meant."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

HINGES, UNITS = "hinged_features", "hinged_units"
"""Details of a loss: hinges on the deviation over the units of each sample, and how many units."""
STEPS = Threshold(2, "recorded steps, at least", "a definition: more than an accident")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    hinges = [int(loss.details.get(HINGES, 0)) for loss in stream.readings]
    if len(hinges) < STEPS or not all(hinges):
        return
    units = stream.readings[0].details[UNITS]
    yield RULE.finding(
        Severity.WARNING,
        "the loss keeps the features of each sample apart, and nothing keeps the samples apart",
        step=stream.first.step,
        measured=f"in {len(hinges)} recorded steps {counted(hinges[0], 'hinge')} of the loss "
        f"held up the deviation over the {units:g} units of a sample; what else it is made "
        "of, differences of two outputs and covariances, is 0 where all samples have one embedding"
        f"{stream.course.remark}",
        expected="a deviation over the samples of the batch, one for each unit",
        certainty="exact: the graph of all recorded steps",
        causes=("wrong_loss", "other"),
        remedies=(_BATCH,),
        evidence={"hinges": hinges[0], "units": int(units)},
    )


_BATCH = Remedy(
    "Take the deviation over the batch, dimension 0.",
    "std = torch.sqrt(z.var(dim=0) + 1e-4)\nspread = F.relu(1 - std).mean()",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(*hinges: int, losses: Iterable[float] = example.FALLING) -> Trace:
    """So many hinges over 128 units in each recorded step."""
    known = example.regression(tuple(losses), update=1e-3)
    return example.marked_each(
        known, [{HINGES: float(n), UNITS: 128.0} if n else {} for n in hinges]
    )


RULE = Rule(
    code="LOS099",
    name="spread-over-features",
    title="A loss keeps features apart, and not samples",
    why="A loss that draws two views of a sample together is least where all samples have one "
    "embedding. What should forbid it is a spread of every unit over the samples; a spread over "
    "the units of each sample is there for that one embedding, too.",
    sees="""
VICReg whose variance is taken with `dim=1`, or `dim=-1`, for `dim=0`. The hinge falls to 0 within a
few steps, the loss keeps falling, and a probe on the embeddings is worse than it could be.
""",
    evidence="""
The graph of all recorded steps. A positive part, of a number less a deviation, is added to the
loss; the deviation is over the units of a linear map, which lie last in a table of samples and
units. All other terms are squared differences of two values that both have a gradient, or squares
of products of tables, as covariances are.
""",
    ignore="""
A loss with targets, with negative pairs, with logarithms, or with a term of any other form, may
keep samples apart; so may a normalisation over the batch behind the linear map. All of these are
reasons to say nothing.
""",
    references=(
        "Bardes, Ponce & LeCun 2022, VICReg: Variance-Invariance-Covariance Regularization, eq. 1",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS},
    explains=("stopped-early", "zero-gradient", "embeddings-collapse", "loss-flat", "dead-units"),
    cases=(
        Case("both views, and the loss falls", lambda: _example(2, 2, 2, 2), Severity.WARNING),
        Case(
            "one view, and the loss is flat",
            lambda: _example(1, 1, 1, 1, losses=example.FLAT),
            Severity.WARNING,
        ),
        Case("near miss: over the batch", lambda: _example(0, 0, 0, 0), None),
        Case("near miss: in one phase of the training", lambda: _example(2, 2, 0, 0), None),
        Case("readings missing: no loss", lambda: example.unread(_example(2, 2, 2, 2)), None),
    ),
)
