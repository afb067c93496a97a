"""LOS086: a network and its teacher are asked the same, and no loss reads what the network says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lifesigns.evidence import Run, Threshold
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

UNREAD = "unread_answers"
"""The detail of a loss: 1 where a network's answer to what another is asked is in no loss."""
OFTEN = Threshold(
    3, "recorded passes in which no loss reads the answer", "the graph is the same each time"
)


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding, at the first pass that shows it."""
    looked = [one for stream in run.streams for one in stream.marked(UNREAD)]
    if len(looked) < OFTEN or not all(one.details[UNREAD] for one in looked):
        return
    first = min(one.step for one in looked)
    yield RULE.finding(
        Severity.WARNING,
        "a network answers what its teacher is asked as well, and no loss reads the answer",
        step=first,
        measured=f"in {len(looked)} recorded backward passes a network that trains was given the "
        "very batch that another was given without gradients, and the graph of the loss holds "
        "nothing of its answer",
        expected="a term that compares the answer of the network with that of its teacher",
        certainty=f"exact, in {len(looked)} passes",
        causes=("wrong_loss", "other"),
        remedies=(_COMPARE, _NO_GRADIENT),
        evidence={"passes": len(looked)},
    )


_COMPARE = Remedy(
    "Compare what the network says with what the teacher says: a term of the teacher alone has no "
    "gradient.",
    "loss_kd = F.kl_div(F.log_softmax(student_logits / T, 1), F.softmax(teacher_logits / T, 1))",
)
_NO_GRADIENT = Remedy(
    "If both are asked for a figure alone, ask without gradients.",
    "with torch.no_grad():\n    agreement = (student(x).argmax(1) == teacher(x).argmax(1)).float()",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(*unread: float, losses: Sequence[float] = example.FALLING) -> Trace:
    """Recorded passes in which no loss reads such an answer (1) or one does (0)."""
    known = example.marked(example.regression(losses, update=1e-3), {UNREAD: 1.0})
    shots = tuple(
        replace(shot, loss=replace(shot.loss, details={**shot.loss.details, UNREAD: each}))
        for shot, each in zip(known.snapshots, unread, strict=False)
        if shot.loss
    )
    return replace(known, snapshots=shots)


RULE = Rule(
    code="LOS086",
    name="student-left-out",
    title="What a network answers beside its teacher is in no loss",
    why="A student learns from a teacher by a term that compares its answer with the teacher's. A "
    "term that compares the teacher with itself is a constant: it adds a number to the loss and "
    "nothing to the gradient, and the student learns from its other terms alone.",
    sees="""
A wrong variable in a distillation or a consistency loss, `log_softmax(teacher_logits)` for
`log_softmax(student_logits)`, or an answer that was detached on the way. The term may be 0 from the
first step on; the other terms fall as they would without it.
""",
    evidence="""
In all recorded backward passes that have it: a network in training mode ran with gradients on the
very batch that another one was given without gradients, and no node of that call is in the graph
of the loss, nor in that of the next pass. Exact.
""",
    ignore="""
A loss that reads the answer, or another one to the same batch, is in order. Figures that are
computed without gradients or in evaluation mode are not looked at; nor is a network that is asked
beside itself, or a copy of it, as where it says which action it would take. A term that joins the
loss after a warm-up is one to leave alone until it does.
""",
    references=("Hinton, Vinyals & Dean 2015, Distilling the Knowledge in a Neural Network",),
    reads=frozenset({Quantity.LOSS}),
    check_run=check_run,
    thresholds={"often": OFTEN},
    explains=("learned-by-heart", "loss-flat", "stopped-early"),
    cases=(
        Case("never read", lambda: _example(1, 1, 1, 1), Severity.WARNING),
        Case(
            "never read, and nothing falls",
            lambda: _example(1, 1, 1, losses=example.FLAT),
            Severity.WARNING,
        ),
        Case("near miss: read in one of the passes", lambda: _example(1, 1, 1, 0), None),
        Case("near miss: two passes", lambda: _example(1, 1), None),
        Case("readings missing: no loss", lambda: example.unread(_example(1, 1, 1, 1)), None),
    ),
)
