"""What rules say of one run in another language.

A rule writes its sentences with the numbers and names of a run in them. A translation is a pair of
templates, `"{share} of the units at {site} are dead" = "{site} 有 {share} 的单元已经死亡"`: the
English one reads the sentence, the other one writes it. What stands in a place is a name or a
number and stays, or it is a clause of its own (the course of the loss) and is translated in turn.
So rules and run files know nothing of languages, and a translator needs no Python.

A sentence is translated as a whole or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, reduce
from itertools import islice

from lifesigns.locale import translated
from lifesigns.records import Finding
from lifesigns.report.language import Language

PARTS = ("joints", "verdict", "clauses")
"""Files of `phrases` with what is said by more than one rule."""
PLACE = re.compile(r"\{(\w+)\}")
PROSE = re.compile(r"(?<=[^,\s]) [A-Za-z]{2,}(?![\w.:#])|(?<![\w.:#])[A-Za-z]{2,} (?=\S)")
"""An English word beside another: what is neither a name, nor a number, nor a list of them."""
IDEOGRAPH, MARK = re.compile("[\u4e00-\u9fff]"), re.compile("[\u3000-\u303f\uff00-\uffef]")
LONGEST = 500
"""Signs of a sentence that is read; longer ones hold lists that nobody reads."""
WAYS = 8
"""To read a sentence by one template, of those that are tried."""


def said_in(
    language: Language, findings: Iterable[Finding], others: Iterable[str] = ()
) -> dict[str, str]:
    """The sentences that can be translated, by the English ones.

    Args:
        language: English has no translations.
        findings: Of one run.
        others: What no rule says, such as the verdict.
    """
    said = {text: in_other_words(language, "", text) for text in others}
    for found in findings:
        sentences = (found.symptom, found.measured, found.expected, found.certainty, found.why)
        said |= {text: in_other_words(language, found.rule, text) for text in sentences}
    return {text: done for text, done in said.items() if text and done is not None}


@lru_cache(4096)
def in_other_words(language: Language, rule: str, sentence: str) -> str | None:
    """A sentence in another language; None where its templates do not know all of it.

    Args:
        language: Of the answer.
        rule: The name of the rule that says it; empty for what rules have in common.
        sentence: English.

    Example:
        >>> in_other_words(Language.CHINESE, "", "exact, in all 20 steps")
        '精确，在全部 20 步中'
        >>> in_other_words(Language.CHINESE, "", "which nobody has translated yet") is None
        True
    """
    whole, templates = _templates(language, rule)
    if sentence in whole or len(sentence) > LONGEST:
        return whole.get(sentence)
    for template in templates:
        for places in template.readings(sentence):
            filled = {name: _clause(language, rule, text) for name, text in places.items()}
            known = {name: text for name, text in filled.items() if text is not None}
            if len(known) == len(places):
                return template.write(known)
    return None


def _clause(language: Language, rule: str, text: str) -> str | None:
    """What stands in a place: translated if it is a clause, as it is if a name or a number."""
    if PROSE.search(text):
        return in_other_words(language, rule, text)
    return _templates(language, rule)[0].get(text, text)


@dataclass(frozen=True)
class _Template:
    """The words of an English template, the names of the places between them, and the other one."""

    words: tuple[str, ...]
    names: tuple[str, ...]
    other: str

    @classmethod
    def of(cls, english: str, other: str) -> _Template:
        parts = PLACE.split(english)
        return cls(tuple(parts[::2]), tuple(parts[1::2]), other)

    def readings(self, sentence: str) -> Iterator[dict[str, str]]:
        """What may stand in the places; none if it is another sentence."""
        first, last = self.words[0], self.words[-1]
        if sentence.startswith(first) and sentence.endswith(last):
            between = sentence[len(first) : len(sentence) - len(last)]
            for parts in islice(_parts(between, self.words[1:-1]), WAYS):
                yield dict(zip(self.names, parts, strict=True))

    def write(self, places: Mapping[str, str]) -> str:
        """The sentence in the other language.

        Args:
            places: What stands in them.
        """
        pieces = PLACE.split(self.other)
        pieces[1::2] = [places[name] for name in pieces[1::2]]
        return reduce(_beside, pieces)


def _beside(text: str, piece: str) -> str:
    """One behind the other, with a space between Chinese and other words, and none in Chinese."""
    left, right = text.rstrip(" "), piece.lstrip(" ")
    if not left or not right:
        return text + piece
    if MARK.match(left[-1]) or MARK.match(right[0]):
        return left + right
    chinese = [bool(IDEOGRAPH.match(sign)) for sign in (left[-1], right[0])]
    is_word = (right[0] if chinese[0] else left[-1]).isalnum()
    if all(chinese):
        return left + right
    return f"{left} {right}" if any(chinese) and is_word else text + piece


def _parts(text: str, words: Sequence[str]) -> Iterator[list[str]]:
    """The ways to cut a text at these words, the shortest first parts first."""
    if not words:
        yield from [[text]] if text else []
        return
    at = text.find(words[0], 1)
    while at > 0:
        rest = None
        for rest in _parts(text[at + len(words[0]) :], words[1:]):
            yield [text[:at], *rest]
        if rest is None:  # nor is the rest found behind a later one
            return
        at = text.find(words[0], at + 1)


@cache
def _templates(language: Language, rule: str) -> tuple[dict[str, str], tuple[_Template, ...]]:
    """Whole sentences, and templates: those that begin with a word know best what they read."""
    own = (translated(language.value, "rules", rule) or {}).get("sentences", {}) if rule else {}
    joints, *common = (translated(language.value, "phrases", part) or {} for part in PARTS)
    pairs = [pair for texts in (own, *common) for pair in texts.items()]
    whole = {english: other for english, other in reversed(pairs) if not PLACE.search(english)}
    templates = [_Template.of(*pair) for pair in pairs if pair[0] not in whole]
    first = [_Template.of(*pair) for pair in joints.items()]
    return whole, (*first, *sorted(templates, key=lambda template: not template.words[0]))
