"""Texts in another language, by the English ones: whole, or by templates with places in them.

What the program says is written in English where it is said, with the numbers and names of a run
in it. A translation is a pair of templates, `"{n} of {all} units" = "{all} 个单元中的 {n} 个"`: the
English one reads the sentence, the other one writes it. What stands in a place is a name or a
number and stays, or it is a clause of its own (the course of the loss) and is translated in turn.
So neither rules nor commands nor run files know of languages, and a translator needs no Python.

A sentence is translated as a whole or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, reduce
from itertools import islice

from lifesigns.locale import translated

COMMON = ("joints", "words", "verdict", "clauses")
"""Files of `phrases` with what is said in many places; the first one joins clauses."""
OF_RUNS = ("report", "compare", "verdict")
"""Files of `phrases` that speak of runs, as rules do; the others share only the first two."""
PLACE = re.compile(r"\{(\w+)\}")
PROSE = re.compile(r"(?<=[^,·\s]) [A-Za-z]{2,}(?![\w.:#])|(?<![\w.:#])[A-Za-z]{2,} (?=[^·\s])")
"""An English word beside another: what is neither a name, nor a number, nor a list of them."""
IDEOGRAPH, MARK = re.compile("[\u4e00-\u9fff]"), re.compile("[\u3000-\u303f\uff00-\uffef]")
VERBATIM = ("command", "path", "quoted", "machine", "cell", "q", "q1", "q2")
"""Names of places that hold what is never translated, though it may look like a sentence."""
LONGEST = 1000
"""Signs of a sentence that is read; longer ones hold lists that nobody reads."""
WAYS = 8
"""To read a sentence by one template, of those that are tried."""

Part = tuple[str, str]
"""A file of texts: its folder and its name, such as `("phrases", "help")`."""


@lru_cache(8192)
def in_words(language: str, part: Part | None, sentence: str) -> str | None:
    """A sentence in another language; None where its templates do not know all of it.

    Args:
        language: Of the answer.
        part: The file with the texts of whoever says it; None for what all have in common.
        sentence: English.

    Example:
        >>> in_words("zh", None, "exact, in all 20 steps")
        '精确，在全部 20 步中'
        >>> in_words("zh", None, "which nobody has translated yet") is None
        True
    """
    whole, templates = _templates(language, part)
    if sentence in whole or len(sentence) > LONGEST:
        return whole.get(sentence)
    for template in templates:
        for places in template.readings(sentence):
            filled = {name: _clause(language, part, name, text) for name, text in places.items()}
            known = {name: text for name, text in filled.items() if text is not None}
            if len(known) == len(places):
                return template.write(known)
    return None


def _clause(language: str, part: Part | None, name: str, text: str) -> str | None:
    """What stands in a place: translated if it is a clause, as it is if a name or a number."""
    if name in VERBATIM:
        return text
    if PROSE.search(text):
        return in_words(language, part, text)
    return _templates(language, part)[0].get(text, text)


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
def _templates(language: str, part: Part | None) -> tuple[dict[str, str], tuple[_Template, ...]]:
    """Whole sentences, and templates: those that begin with a word know best what they read."""
    own = sentences_of(language, part) if part else {}
    of_runs = part is None or part[0] == "rules" or part[1] in OF_RUNS
    names = COMMON if of_runs else COMMON[:2]
    joints, *common = (sentences_of(language, ("phrases", name)) for name in names)
    pairs = [pair for texts in (own, *common) for pair in texts.items()]
    whole = {english: other for english, other in reversed(pairs) if not PLACE.search(english)}
    templates = [_Template.of(*pair) for pair in pairs if pair[0] not in whole]
    first = [_Template.of(*pair) for pair in joints.items()]
    return whole, (*first, *sorted(templates, key=lambda template: not template.words[0]))


def sentences_of(language: str, part: Part) -> Mapping[str, str]:
    """The pairs of one file: its table `sentences`, or all of it where it has no tables.

    Args:
        language: Of the second text of each pair.
        part: Folder and name of the file; one that is not there has no pairs.
    """
    texts = translated(language, *part) or {}
    found: Mapping[str, str] = texts.get("sentences", {} if part[0] == "rules" else texts)
    return found
