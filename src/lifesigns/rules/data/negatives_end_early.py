"""DAT063: negatives are drawn from the first rows of a table, of which positives use all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

ROWS = "preference_rows"
POSITIVES, BEYOND, REACHED = "positives", "positives_beyond", "positives_highest"
NEGATIVES, BOUND = "negatives", "negatives_highest"
"""Details of a loss that prefers some rows of a table to others: its rows, how many of both there
are, their highest numbers, and how many positives lie behind all negatives."""
STEPS = Threshold(2, "recorded steps, at least", "a definition: more than an accident")
SHARE = Threshold(
    0.1, "share of the positives behind all negatives, at least", "a definition: no rare rows"
)
BITS = Threshold(
    40.0,
    "probability that the highest numbers are all positives by chance, in bits",
    "arithmetic: once in a million millions",
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    told = [loss.details for loss in stream.readings if loss.details.get(NEGATIVES)]
    if len(told) < STEPS or any(one[BEYOND] < SHARE * one[POSITIVES] for one in told):
        return
    bound, rows = (int(max(one[word] for one in told)) for word in (BOUND, ROWS))
    reached = int(max(one[REACHED] for one in told))
    if bound >= min(one[REACHED] for one in told) or sum(map(_bits, told)) < BITS:
        return
    beyond, positives, negatives = (
        int(sum(one[word] for one in told)) for word in (BEYOND, POSITIVES, NEGATIVES)
    )
    yield RULE.finding(
        Severity.WARNING,
        f"negatives are drawn from the first {bound + 1} of {rows} rows, positives from all",
        site="input",
        step=stream.first.step,
        measured=f"in {len(told)} recorded steps none of {negatives} negatives is above {bound}, "
        f"and {beyond} of {positives} positives are, up to {reached}{stream.course.remark}",
        expected="negatives from every row that may be a positive",
        certainty=f"exact, in {stream.seen}; that it is no chance is arithmetic",
        causes=("wrong_labels", "other"),
        remedies=(_ALL,),
        evidence={"rows": rows, "bound": bound, "beyond": beyond, "positives": positives},
    )


def _bits(one: Mapping[str, float]) -> float:
    """How improbable it is that so many of the highest numbers are all positives."""
    return one[BEYOND] * math.log2((one[POSITIVES] + one[NEGATIVES]) / one[POSITIVES])


_ALL = Remedy(
    "Draw the negatives from all rows of the table that the positives look up.",
    "negatives = torch.randint(item_table.num_embeddings, positives.shape)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(*beyond: int, bound: int = 239, losses: Iterable[float] = example.FALLING) -> Trace:
    """Recorded steps of 256 positives of 900 rows, and as many negatives up to a bound."""
    both = {ROWS: 900.0, POSITIVES: 256.0, REACHED: 890.0, NEGATIVES: 256.0, BOUND: float(bound)}
    known = example.regression(tuple(losses), update=1e-3)
    return example.marked_each(known, [{**both, BEYOND: float(n)} for n in beyond])


RULE = Rule(
    code="DAT063",
    name="negatives-end-early",
    title="Some rows of a table are never negatives",
    why="A preference teaches a score to be high for what was chosen and low for what was drawn "
    "beside it. What is chosen but never drawn is only ever raised: it ends up before everything "
    "else, for everyone.",
    sees="""
Implicit feedback, or embeddings of a graph, whose negatives come from `randint(n_users)` where it
should be `n_items`, or from a range that was right for an older table. The loss falls faster than
it should, as the range alone tells many negatives; the ranking has the same rows on top for all.
""",
    evidence="""
A term of the loss rises with a difference of scores: a logistic function, or a hinge. One table is
looked up on both sides, with other numbers: those that the loss raises are positives. In every
recorded step a tenth of the positives or more lie above the highest negative, of so many that with
equal chances it would not happen once in a million millions.
""",
    ignore="""
Rare rows at the end of a table, sorted by how often they are chosen, are rare among the positives,
too, and are no tenth of these. Candidates that are drawn from a part of the table on purpose, as
where the others are never ranked, are not told apart: then this warning may be allowed.
""",
    references=(
        "Rendle et al. 2009, BPR: Bayesian Personalized Ranking from Implicit Feedback, section 4",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS, "share": SHARE, "bits": BITS},
    explains=("stopped-early", "learned-by-heart"),
    cases=(
        Case("the range of the users", lambda: _example(190, 175, 188), Severity.WARNING),
        Case(
            "a loss that stays",
            lambda: _example(60, 70, 65, bound=600, losses=example.FLAT),
            Severity.WARNING,
        ),
        Case("near miss: from all rows", lambda: _example(1, 0, 2, bound=899), None),
        Case("near miss: the last rows are rare", lambda: _example(12, 9, 20, bound=700), None),
        Case("near miss: in one step", lambda: _example(190), None),
        Case("near miss: a curriculum", lambda: _example(190, 100, 0, bound=899), None),
        Case("readings missing: no loss", lambda: example.unread(_example(190, 190, 190)), None),
    ),
)
