"""LOS071: both views of a contrastive loss are one and the same."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

PAIRS, VIEWS, SAMPLES = "views", "views_apart", "samples_apart"
"""Details of a loss: pairs of views, how far both are apart at most, and how far samples are."""
EQUAL = Threshold(
    1e-3,
    "largest distance of two views over that of two samples",
    "arithmetic: what rounding makes of equal inputs in half precision",
)
STEPS = Threshold(3, "recorded steps, at least", "a definition: more than an accident")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    marked = [loss.details for loss in stream.readings if PAIRS in loss.details]
    samples = [details[SAMPLES] for details in marked]
    equal = all(d[SAMPLES] > 0 and d[VIEWS] <= EQUAL * d[SAMPLES] for d in marked)
    if len(marked) < STEPS or not equal:
        return
    yield RULE.finding(
        Severity.WARNING,
        "the two views of each sample are equal: to find its partner takes no learning",
        step=stream.first.step,
        measured=f"in {len(marked)} recorded steps both embeddings of each of "
        f"{int(marked[-1][PAIRS])} pairs are the same, while those of other samples are up to "
        f"{max(samples):.3g} apart",
        expected="two views of a sample that differ in all that is not to matter",
        certainty="exact: all pairs of the recorded steps were compared",
        causes=("wrong_labels", "other"),
        remedies=(_VIEW, _SEED),
        evidence={"pairs": marked[-1][PAIRS], "apart": max(samples)},
    )


_VIEW = Remedy(
    "Give the network both views: it was given one of them twice.",
    "loss = info_nce(model(first), model(second))",
)
_SEED = Remedy(
    "Draw anew for the second view: a seed that is set before each of them makes them equal.",
    "first, second = augment(x), augment(x)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(apart: float | None, samples: float = 1.0) -> Trace:
    """Views that are so far apart, and samples; None for a loss without views."""
    marks = {} if apart is None else {PAIRS: 64.0, VIEWS: apart, SAMPLES: samples}
    return example.marked(example.regression(example.FALLING, update=1e-3), marks)


RULE = Rule(
    code="LOS071",
    name="views-are-equal",
    title="Both views of a contrastive loss are the same",
    why="A contrast of two views teaches what stays the same while all else changes. Where nothing "
    "changes, each sample is its own partner whatever the network makes of it: the loss only "
    "drives samples apart, and what was to be left out stays in the embedding.",
    sees="""
One view that is given to the network twice; augmentations that are drawn from the same seed, or
that a cache returns again. The loss falls all the same, as far as samples can be driven apart.
""",
    evidence="""
On the graph: a softmax of products of two embeddings that come from layers, or calls of layers, of
their own; or of all products of as many embeddings, whose first half and second half are the
views. In all recorded steps, three at least, the two are the same but for rounding, and samples
are not.
""",
    ignore="""
Where dropout alone makes the views (SimCSE), the embeddings differ. Two networks that see one
sample (pictures and their captions) give embeddings of their own. Classes as positives in one view
have no partner to compare with.
""",
    references=(
        "Chen et al. 2020, A Simple Framework for Contrastive Learning, section 3",
        "Tian et al. 2020, What Makes for Good Views for Contrastive Learning?",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"equal": EQUAL, "steps": STEPS},
    explains=("stopped-early", "loss-flat", "embeddings-collapse", "cosines-without-scale"),
    cases=(
        Case("the same", lambda: _example(0.0), Severity.WARNING),
        Case("the same but for rounding", lambda: _example(1e-6), Severity.WARNING),
        Case("near miss: views of their own", lambda: _example(0.2), None),
        Case("near miss: all embeddings are one", lambda: _example(0.0, samples=0.0), None),
        Case("no views", lambda: _example(None), None),
        Case("readings missing: no loss", lambda: example.unread(_example(0.0)), None),
    ),
)
