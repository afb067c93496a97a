"""DAT052: a model of the next token is asked for the one behind it."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

TWO_AHEAD = "two_ahead"
"""Detail of a loss: how many targets are the token two places on; 0 where not all of them are."""
STEPS = Threshold(2, "recorded steps in which it is so", "one may be a trial")
FEWEST = Threshold(32, "targets of a step, at least", "a definition: no accident")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    marked = stream.marked(TWO_AHEAD)
    if len(marked) < STEPS:
        return
    targets = min(one.details[TWO_AHEAD] for one in marked)
    if targets < FEWEST:
        return
    yield RULE.finding(
        Severity.WARNING,
        "the targets are the tokens two places on: they were moved twice",
        site="input",
        step=stream.first.step,
        measured=f"all of {targets:.0f} targets or more are the token behind the next one, in "
        f"{counted(len(marked), 'recorded step')}{stream.course.remark}",
        expected="targets that are the tokens moved by one",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_labels", "other"),
        remedies=(_ONCE, _LOSS),
        evidence={"targets": targets},
    )


_ONCE = Remedy(
    "Move the labels once: give a model that moves them itself the tokens as they are.",
    "loss = model(input_ids=ids, labels=ids).loss",
)
_LOSS = Remedy(
    "Or leave the move to the data, and compare every output with its label.",
    "x, y = ids[:, :-1], ids[:, 1:]\n"
    "loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())  # not logits[:, :-1], y[:, 1:]",
)


# --- cases ----------------------------------------------------------------------------------------
def _unmarked() -> Trace:
    return example.regression(example.FALLING, update=1e-3)


def _example(targets: float = 900, *, steps: int = 4) -> Trace:
    return example.marked_each(_unmarked(), [{TWO_AHEAD: targets}] * steps)


RULE = Rule(
    code="DAT052",
    name="shifted-twice",
    title="Targets that were moved by two tokens",
    why="To write, a model is asked for the next token, and its answer is put behind the text. If "
    "it has learned the one behind that, each step leaves a token out, so that what it reads next "
    "is like nothing it has seen, while the loss falls as it should.",
    sees="""
A data set that gives `x = ids[:-1]` and `y = ids[1:]`, and a loss, or a model of Hugging Face, that
moves the labels once more: `logits[:, :-1]` against `y[:, 1:]`.
""",
    evidence="""
Every target that counts is the token that was looked up two places behind its own, and not all are
the next one. Exact, by the tokens and the targets of the first recorded steps. Rows whose loss is a
sum of several cross-entropies, as where several tokens are predicted at once, are not looked at.
""",
    ignore="""
A model that is asked for the token after the next on purpose, and for nothing else.
""",
    references=("Hugging Face Transformers, `CausalLM`: labels are shifted inside the model",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS, "fewest": FEWEST},
    cases=(
        Case("all targets", _example, Severity.WARNING),
        Case("of short rows", lambda: _example(40), Severity.WARNING),
        Case("near miss: few targets", lambda: _example(8), None),
        Case("near miss: one step", lambda: _example(steps=1), None),
        Case("near miss: the next tokens", _unmarked, None),
        Case("readings missing: no loss", lambda: example.unread(_example()), None),
    ),
)
