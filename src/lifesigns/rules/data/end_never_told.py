"""DAT039: a model of the next token is not told where a text ends."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

ENDED, INSIDE, ALIKE = "rows_ended", "ended_inside", "ended_alike"
WITHIN = "ended_within"
"""Details of a loss: rows that end before the batch does, those whose last target is asked for
before an end, too, those with the target that is most often last, and those whose last target
stands before an end, asked for or not."""
FEWEST = Threshold(16, "rows that end, at least", "a definition: no accident")
STEPS = Threshold(0.5, "share of the recorded steps with such rows", "a definition: most of them")
OF_TEXT = Threshold(
    0.9, "share of the rows whose last target stands within others, too", "a definition: nearly all"
)
ASKED = Threshold(
    0.7, "share of the rows whose last target is asked for within others", "a definition: most"
)
COMMON = Threshold(
    0.75, "share of the rows that the commonest last target ends", "a definition: of two, by far"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    losses = [loss for loss in stream.readings if loss.value == loss.value]
    marked = [loss.details for loss in losses if ENDED in loss.details]
    ended, inside, alike = (
        sum(details[name] for details in marked) for name in (ENDED, INSIDE, ALIKE)
    )
    if len(marked) <= STEPS * len(losses) or ended < FEWEST:
        return
    within = sum(details.get(WITHIN, details[INSIDE]) for details in marked)
    if within < OF_TEXT * ended or inside < ASKED * ended or alike > COMMON * ended:
        return
    yield RULE.finding(
        Severity.WARNING,
        "the loss does not ask for the end of a text",
        site="input",
        step=stream.first.step,
        measured=f"of {ended:.0f} rows that have padding behind them, "
        f"{within:.0f} end with a target that stands within rows, too, and at most {alike:.0f} "
        "with the same one; what is behind it is ignored, in "
        f"{counted(len(marked), 'recorded step')}{stream.course.remark}",
        expected="one token that ends every text, among the targets that count",
        certainty=f"exact, in {stream.seen}; that an end is wanted is likely",
        causes=("wrong_labels", "other"),
        remedies=(_PAD, _END),
        evidence={"ended": int(ended), "inside": int(within), "alike": int(alike)},
    )


_PAD = Remedy(
    "Give padding a token of its own, or keep the first of the padding among the labels.",
    'tokenizer.add_special_tokens({"pad_token": "<pad>"})\n'
    "model.resize_token_embeddings(len(tokenizer))",
)
_END = Remedy(
    "Or mask the padding by the lengths, which leaves the end in, and put an end behind each text.",
    "labels = ids.masked_fill(torch.arange(ids.shape[1]) >= lengths[:, None], -100)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    ended: int = 60, inside: int = 60, alike: int = 8, *, asked: int = 60, ends: bool = True
) -> Trace:
    known = example.regression(example.FALLING, update=1e-3)
    told = {ENDED: float(ended), ALIKE: float(alike)}
    told |= {INSIDE: float(min(asked, inside)), WITHIN: float(inside)}
    return example.marked(known, told if ends else {})


RULE = Rule(
    code="DAT039",
    name="end-never-told",
    title="The loss never asks for the end of a text",
    why="A model stops where it predicts the token that ends a text. If the padding is that token, "
    "ignoring the padding ignores every end: the loss falls as it should, and what is written goes "
    "on to the limit of its length.",
    sees="""
`tokenizer.pad_token = tokenizer.eos_token` and a collator that sets the labels of padding to -100,
or `ignore_index=tokenizer.pad_token_id`. Or texts of several lengths to which no end was added.
""",
    evidence="""
Every target that counts is the token behind its place. Rows end before the longest of their batch,
with one token alone behind them, whose targets are ignored, and they are a text that is to be
written: each begins with places that are ignored, a prompt, or all begin with the same token. The
last target of the rows is not the same in most of them, and nearly all of them are tokens that
stand within rows as well, most of them where they are asked for, so that no token says that a text
ends.
""",
    ignore="""
Windows of a long text have no ends, and rows that were cut at the longest length are left out.
Sequences without a prompt and without a first token in common, such as what customers bought, are
not written on. A length that is known beforehand needs no end; then this warning may be allowed.
""",
    references=(
        "Hugging Face Transformers, `DataCollatorForLanguageModeling`: pad tokens are -100",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "fewest": FEWEST,
        "steps": STEPS,
        "of_text": OF_TEXT,
        "asked": ASKED,
        "common": COMMON,
    },
    cases=(
        Case("the end is ignored", _example, Severity.WARNING),
        Case("two letters", lambda: _example(60, 60, 34), Severity.WARNING),
        Case(
            "short answers: some in the prompts alone", lambda: _example(asked=46), Severity.WARNING
        ),
        Case("near miss: asked for at the end alone", lambda: _example(asked=36), None),
        Case("near miss: an end", lambda: _example(60, 0, 60), None),
        Case("near miss: an end that stands within, too", lambda: _example(60, 60, 58), None),
        Case("near miss: several ends", lambda: _example(60, 10, 30), None),
        Case("near miss: few rows end", lambda: _example(2, 2, 1), None),
        Case("near miss: windows of a long text", lambda: _example(ends=False), None),
        Case("readings missing: no loss", lambda: example.unread(_example()), None),
    ),
)
