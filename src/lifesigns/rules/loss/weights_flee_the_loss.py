"""LOS092: weights of the terms of a loss that are trained with it, and flee to the least term."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.stream import Marked
from lifesigns.evidence.thresholds import JUDGED
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MOVED = Threshold(0.05, "share of all weight that the least term has gained", "above any noise")
OFTEN = Threshold(3, "recorded steps in which the terms are weighed so", "more than chance")
TERMS, LEAST, MOST = "weighed_terms", "least_term", "largest_term"
"""Details of such a loss: how many terms it has, the least and the largest of them."""
OF_LEAST, OF_MOST = "least_term_weight", "largest_term_weight"
"""Their shares of the weight."""


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream, of the first and the last step that show it."""
    marked = stream.marked(TERMS)
    if len(marked) < OFTEN or stream.course.steps < JUDGED:
        return
    first, last = marked[0], marked[-1]
    if first.details[TERMS] == last.details[TERMS] and _flees(first.details, last.details):
        yield _finding(stream, first, last)


def _flees(then: Mapping[str, float], now: Mapping[str, float]) -> bool:
    """Whether weight went from the largest term to the least, and the two went apart.

    Weights that are trained against the loss, to the worst term, go the other way.
    """
    gained = now[OF_LEAST] - then[OF_LEAST] > MOVED and now[OF_MOST] < then[OF_MOST]
    apart = now[MOST] * then[LEAST] > then[MOST] * now[LEAST] or now[LEAST] <= 0
    return gained and apart and now[OF_LEAST] > 1 / now[TERMS]


def _finding(stream: Stream, first: Marked, last: Marked) -> Finding:
    then, now, count = first.details, last.details, int(last.details[TERMS])
    return RULE.finding(
        Severity.WARNING,
        "the weights of the losses are trained with them, and go to the least",
        step=first.step,
        measured=f"of {count} terms the least, {now[LEAST]:.3g}, has {now[OF_LEAST]:.0%} of the "
        f"weight at step {last.step}, and the largest, {now[MOST]:.3g}, has {now[OF_MOST]:.0%}; "
        f"at step {first.step} these were {then[OF_LEAST]:.0%} and {then[OF_MOST]:.0%}"
        f"{stream.course.remark}",
        expected="weights that a term of their own holds, or that are fixed",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_loss",),
        remedies=(_HOLD, _FIX),
        evidence={
            "terms": count,
            "least": now[LEAST],
            "largest": now[MOST],
            "of_least": now[OF_LEAST],
            "of_largest": now[OF_MOST],
        },
    )


_HOLD = Remedy(
    "Let a weight cost what it saves: weigh by uncertainty.",
    "loss = (torch.exp(-s) * losses + s).sum()  # s is an nn.Parameter, one for each loss",
)
_FIX = Remedy(
    "Or fix the weights, so that all terms are of the same size at first.",
    "loss = losses[0] / 4.0 + losses[1] / 0.5",
)


# --- cases ----------------------------------------------------------------------------------------
_EVEN, _FLED = (0.5, 0.25, 2.0, 0.25), (0.01, 0.9, 0.8, 0.02)
_LATER = (0.3, 0.33, 1.9, 0.2)
_WORST = (0.4, 0.05, 0.6, 0.8)


def _example(*steps: Sequence[float]) -> Trace:
    """Four weighed losses: in each recorded step the least, its weight, the largest, its weight.

    The last goes on to the end; there are five recorded steps.
    """
    words = (LEAST, OF_LEAST, MOST, OF_MOST)
    spread = [steps[min(i, len(steps) - 1)] for i in range(5)]
    marks = ({TERMS: 4.0, **dict(zip(words, step, strict=True))} for step in spread)
    return example.marked_each(example.regression(example.FALLING, update=1e-3), marks)


RULE = Rule(
    code="LOS092",
    name="weights-flee-the-loss",
    title="Trained weights of the losses go to the least of them",
    why="A weighted sum of losses whose weights are a softmax of parameters is least when all of "
    "the weight is on the smallest loss. Descent goes there: the task that is learned already is "
    "the only one that counts, and the others, which would need it, are given up.",
    sees="""
`(torch.softmax(w, 0) * losses).sum()` with `w` among the trained parameters. The loss falls to next
to nothing, one task is solved, and the others stay where they are or get worse again.
""",
    evidence="""
The graph: the softmax of a parameter that nothing else reads multiplies numbers of which each is a
loss over the samples, and what comes of it is added up to the loss. And the numbers: over the
recorded steps weight has gone from the largest loss to the least, and these two went apart.
""",
    ignore="""
Weights with a term of their own, as in weighing by uncertainty, or with an entropy, are held; so
are those that are updated by hand, detached or frozen. Weights trained against the loss, as for the
worst group, go to the largest. A softmax over layers, experts or samples multiplies features, not
losses.
""",
    references=(
        "Kendall, Gal & Cipolla 2018, Multi-task learning using uncertainty to weigh losses",
        "Liebel & Koerner 2018, Auxiliary tasks in multi-task learning: the regularising term",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"moved": MOVED, "often": OFTEN, "steps": JUDGED},
    explains=("one-loss-unlearned",),
    cases=(
        Case("all went to the least", lambda: _example(_EVEN, _FLED), Severity.WARNING),
        Case("some of it", lambda: _example(_EVEN, _LATER), Severity.WARNING),
        Case("near miss: weights that stay", lambda: _example(_EVEN), None),
        Case("near miss: to the largest", lambda: _example(_EVEN, _WORST), None),
        Case(
            "near miss: they do not go apart",
            lambda: _example((0.1, 0.25, 2.0, 0.25), (0.1, 0.4, 1.0, 0.2)),
            None,
        ),
        Case(
            "readings missing: no terms",
            lambda: example.unread(_example(_EVEN, _FLED)),
            None,
        ),
    ),
)
