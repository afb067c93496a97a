"""INI008: a list of layers holds one layer several times, which gives one answer for all."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

MARK = "same_answers"
"""The detail of a loss: how many times over such a layer was given the same input."""
TWICE = Threshold(2, "times that one layer is given the same input", "exact")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    marked = [s for s in stream.snapshots if s.loss is not None and s.loss.details.get(MARK, 0)]
    if not marked or marked[-1].step != stream.last.step or marked[0].loss is None:
        return
    again = int(marked[0].loss.details[MARK])
    if again < TWICE:
        return
    yield RULE.finding(
        Severity.WARNING,
        f"one layer stands at several places of a ModuleList, and answers {again} times the same",
        step=marked[0].step,
        measured=f"the same weights were given the same input {again} times in one pass, in "
        f"{counted(len(marked), 'recorded step')}{stream.course.remark}",
        expected="a layer of its own at each place, or another input for each",
        certainty="exact, by the graph and the list",
        causes=("other",),
        remedies=(_EACH,),
        evidence={"times": again},
    )


_EACH = Remedy(
    "Make a layer for each place: a list that is multiplied repeats one and the same object.",
    "self.heads = nn.ModuleList([nn.Linear(hidden, classes) for _ in range(tasks)])",
    edit="separate-layers",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(again: int) -> Trace:
    marks = {MARK: float(again)} if again else {}
    return example.marked(example.regression(example.FALLING, update=1e-3), marks)


RULE = Rule(
    code="INI008",
    name="one-layer-in-a-list",
    title="A list holds one layer several times",
    why="Heads that are one layer give one answer to every question: the best is a compromise of "
    "all targets. Whatever the number of layers in the list, there are weights for one.",
    sees="""
`nn.ModuleList([nn.Linear(64, 3)] * 4)`: four places, one layer. The heads of several tasks, the
experts of a mixture, or query, key and value of an attention are then the same.
""",
    evidence="""
The graph: a layer's weights multiply the output of one node, or the same memory, more than once.
And the modules: a ModuleList holds that layer, or one around it, at more than one place.
""",
    ignore="""
Weights that are shared on purpose, for layers in a row or heads on several levels, are given other
inputs at each place, and are not reported.
""",
    references=("Python, Sequence types: items of a repeated sequence are not copied",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"twice": TWICE},
    explains=("loss-flat",),
    cases=(
        Case("four heads that are one", lambda: _example(4), Severity.WARNING),
        Case("two that are one", lambda: _example(2), Severity.WARNING),
        Case("near miss: given other inputs", lambda: _example(0), None),
        Case("near miss: given one input once", lambda: _example(1), None),
        Case("readings missing: no loss", lambda: example.unread(_example(4)), None),
    ),
)
