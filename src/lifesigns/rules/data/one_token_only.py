"""DAT013: all tokens that a network reads are one and the same, or that and padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from lifesigns.evidence import Run, Threshold
from lifesigns.evidence.shares import Seen, seen
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, Quantity, Remedy, Severity, TokenReading, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING, FLAT

TABLE = Threshold(
    10, "rows of a table of which one or two are used", "a definition: more than an alphabet of two"
)
SAMPLES = Threshold(30, "samples in which there is no other token", "more than chance")


def check_run(run: Run) -> Iterator[Finding]:
    """At most one finding."""
    shots = [s for s in run.trace.snapshots if s.tokens is not None]
    read = [s.tokens for s in shots if s.tokens is not None]
    if not read or any(tokens.table != read[0].table for tokens in read):
        return
    all_tokens = reduce(TokenReading.merge, read)
    samples = sum(tokens.shape[0] if tokens.shape else 1 for tokens in read)
    if not all_tokens.two or all_tokens.table < TABLE or samples < SAMPLES:
        return
    severity = _severity(run, all_tokens)
    if severity is not Severity.NOTE:
        yield _finding(all_tokens, severity, samples, seen(run.trace, shots))


def _severity(run: Run, tokens: TokenReading) -> Severity:
    """One token alone says nothing; of two, one may be a sign, if it is not padding."""
    courses = [stream.course for stream in run.streams]
    if tokens.lowest == tokens.highest:
        says_nothing = any(c.judged for c in courses) and not any(c.learned for c in courses)
        return Severity.ERROR if says_nothing else Severity.NOTE
    worst = [course.harm(HALF) for course in courses]
    order = (Severity.ERROR, Severity.WARNING)
    return next((severity for severity in order if severity in worst), Severity.NOTE)


def _finding(tokens: TokenReading, severity: Severity, samples: int, looked: Seen) -> Finding:
    one = tokens.lowest == tokens.highest
    which = f"{tokens.lowest}" if one else f"{tokens.lowest} or {tokens.highest}"
    return RULE.finding(
        severity,
        f"every token is {which}, of a table of {tokens.table}",
        site="input",
        measured=f"no other number in {samples} samples of {looked}",
        expected="tokens that differ between samples",
        certainty=f"exact, in {looked}",
        causes=("other",),
        remedies=(_SAME, _COUNT),
        evidence={"table": tokens.table, "samples": samples},
    )


_SAME = Remedy(
    "Prepare the text as it was for the vocabulary: the same case, the same tokenizer.",
    "ids = [vocabulary.get(word.lower(), unknown) for word in text.split()]",
)
_COUNT = Remedy(
    "Look at how many words are known.",
    "print((ids != unknown).float().mean(), ids[:3])",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    *tokens: tuple[int, int], losses: Sequence[float] = FLAT, two: bool = True, table: int = 5000
) -> Trace:
    """Recorded steps with these lowest and highest tokens in turn."""
    sign = np.tile([[-1.0], [1.0]], (16, 1))
    graph = example.chain("embedding", "linear/1", "mse_loss", batch=32)
    known = example.fitting(graph, losses, 0.0 * sign, example.target(sign))
    shots = tuple(
        replace(shot, tokens=TokenReading((32, 12), table, *tokens[i % len(tokens)], two))
        for i, shot in enumerate(known.snapshots)
    )
    return replace(known, snapshots=shots)


RULE = Rule(
    code="DAT013",
    name="one-token-only",
    title="Every token that the network reads is the same",
    why="Words that the vocabulary lacks become one token for unknown. Where all of them do, every "
    "text reads alike, and there is nothing to tell one from another by.",
    sees="""
Text of which no word is in the vocabulary: the one was lowered and the other was not, punctuation
was left on the words, another tokenizer made the vocabulary, or the numbers were cut off. Nothing
fails: `get(word, 0)` always has an answer.
""",
    evidence="""
What the network is given is looked up in a table of at least 10 rows, and in all recorded steps,
30 samples at the least, holds one number only, and nothing was learned: an error. Where it holds
two, as of unknown words and padding, it is an alarm if less than half of what there is to learn
was learned.
""",
    ignore="""
Sequences of two symbols with a table of two or three rows, and those of two symbols that are
learned. A label that is the same for all, beside another input from which the network learns.
""",
    references=("Sennrich et al. 2016, Neural Machine Translation of Rare Words: unknown words",),
    reads=frozenset({Quantity.BATCH, Quantity.LOSS}),
    check_run=check_run,
    thresholds={"table": TABLE, "samples": SAMPLES, "half": HALF},
    explains=(
        "labels-unrelated",
        "loss-flat",
        "constant-output",
        "alike-along-dimension",
        "stopped-early",
        "rows-become-alike",
    ),
    cases=(
        Case("unknown words alone", lambda: _example((0, 0)), Severity.ERROR),
        Case("unknown words and padding", lambda: _example((0, 1)), Severity.WARNING),
        Case(
            "near miss: two symbols that are learned",
            lambda: _example((0, 1), losses=FALLING),
            None,
        ),
        Case("near miss: one beside other inputs", lambda: _example((0, 0), losses=FALLING), None),
        Case("near miss: a table of two symbols", lambda: _example((0, 1), table=2), None),
        Case("near miss: others in another step", lambda: _example((0, 0), (0, 7), (3, 3)), None),
        Case("words of all kinds", lambda: _example((0, 4999), two=False), None),
        Case("readings missing: no tokens", lambda: example.unread(_example((0, 0))), None),
    ),
)
