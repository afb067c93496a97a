"""LOS101: a Cox likelihood compares each patient with those who left before, not who stay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import ENOUGH_STEPS
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

SORTED, GONE = "risk_sets_sorted", "risk_sets_of_gone"
"""Details of a loss: its risk sets are seen, and hold those who have left."""
OFTEN = Threshold(2, "recorded steps that show the order of the rows", "one may be a trial")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    seen = stream.marked(SORTED)
    if len(seen) < OFTEN or not all(one.details.get(GONE) for one in seen):
        return
    yield RULE.finding(
        Severity.WARNING if stream.course.steps >= ENOUGH_STEPS else Severity.NOTE,
        "the risk set of each event holds those who left before it, not those who are still there",
        step=seen[0].step,
        measured="the sums under the logarithm grow with the durations by which the rows were "
        f"sorted, in {counted(len(seen), 'recorded step')}{stream.course.remark}",
        expected="sums over all whose time is as long or longer",
        certainty="exact for the order of the rows; that it is a time shows in a mask of events",
        causes=("wrong_loss",),
        remedies=(_DESCENDING, _TURNED),
        evidence={"steps": len(seen)},
    )


_DESCENDING = Remedy(
    "Sort by descending time, so that a growing sum is over those who stay at least as long.",
    "order = torch.argsort(time, descending=True)",
)
_TURNED = Remedy(
    "Or add up from the other end.",
    "log_risk = torch.logcumsumexp(score.flip(0), dim=0).flip(0)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(seen: Sequence[float], losses: Sequence[float] = example.FLAT) -> Trace:
    """A run whose recorded steps show these in turn: 1 for those who left, 0 for those at risk."""
    marks = [{SORTED: 1.0, GONE: gone} for gone in seen]
    return example.marked_each(example.regression(losses, update=1e-3), [*marks, {}, {}, {}, {}])


RULE = Rule(
    code="LOS101",
    name="risk-set-of-those-gone",
    title="Risk sets of a Cox loss hold those who have left",
    why="Cox's likelihood asks who of all that are still at risk has the event next, which a "
    "growing sum tells where the longest times come first. Where the shortest come first, each "
    "event is compared with those who left before it, and the ranking is learned the wrong way "
    "round or not at all.",
    sees="""
`torch.argsort(time)` or `time.sort()` before `torch.logcumsumexp`, as in many a DeepSurv that was
written by hand. The loss looks as usual and may fall; the concordance is at one half or below.
""",
    evidence="""
From the first recorded step that takes logarithms of growing sums of exponentials, the recorder
notes what recorded steps sort. The order by which the rows of the sums were picked is one of these;
the keys, none of them negative, grow along the sums, or fall where the sums were turned round. Some
samples are left out of the loss, by a mask of 0 and 1 or by picking the others: the censored ones.
""",
    ignore="""
Rows that were put in order before, in NumPy or in the data set, are not known and never reported;
nor a ranking without a mask, in which the last place may well be the best.
""",
    references=(
        "Cox 1972, Regression models and life-tables",
        "Katzman et al. 2018, DeepSurv",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"often": OFTEN, "enough_steps": ENOUGH_STEPS},
    explains=("loss-flat", "stopped-early", "constant-output"),
    cases=(
        Case("in all steps seen", lambda: _example([1.0, 1.0, 1.0]), Severity.WARNING),
        Case("a loss that falls", lambda: _example([1.0] * 5, example.FALLING), Severity.WARNING),
        Case("near miss: the longest come first", lambda: _example([0.0] * 4), None),
        Case("near miss: both ways", lambda: _example([1.0, 0.0, 1.0]), None),
        Case("near miss: seen once", lambda: _example([1.0]), None),
        Case("readings missing: no loss", lambda: example.unread(_example([1.0] * 4)), None),
    ),
)
