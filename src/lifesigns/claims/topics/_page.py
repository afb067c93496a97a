"""A topic with its numbers: sections of blocks, which terminal and browser show in their ways."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite

from lifesigns.claims._book import environment
from lifesigns.claims._claim import Measurement, Spec
from lifesigns.claims._engine import Done
from lifesigns.claims.topics._phrases import Phrases, phrases_in
from lifesigns.claims.topics._topic import Formula, Number, Topic
from lifesigns.report.language import Language
from lifesigns.rules import find_rule

PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Prose:
    """A paragraph."""

    text: str
    is_note: bool = False


@dataclass(frozen=True)
class Item:
    """An entry of a list."""

    text: str


@dataclass(frozen=True)
class Explained:
    """A formula and what its letters mean."""

    formula: Formula
    letters: str


@dataclass(frozen=True)
class Pointer:
    """To a rule or a claim: its name, what it does here, the command that shows more."""

    name: str
    says: str
    command: str
    figures: tuple[Spec, ...] = ()


Block = Prose | Item | Explained | Pointer


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class TopicPage:
    """A page that is ready to be shown."""

    name: str
    title: str
    language: Language
    sections: tuple[Section, ...]


def page_of(topic: Topic, language: Language, results: Mapping[str, Done]) -> TopicPage:
    """The page of a topic.

    Args:
        topic: Which.
        language: In which it is written.
        results: Of the topic's claims, by name.
    """
    words, phrases = topic.words(language), phrases_in(language)
    blocks: dict[str, Iterator[Block]] = {
        phrases.idea: (Prose(text) for text in words.idea),
        phrases.formulas: map(Explained, topic.formulas, words.letters),
        phrases.measured: _measured(topic, language, results),
        phrases.rules: _rules(topic, language),
        phrases.claims: _claims(topic, language, results),
        phrases.correction: (Prose(text) for text in (words.correction,) if text),
        phrases.references: map(Item, topic.references),
    }
    sections = (Section(heading, tuple(each)) for heading, each in blocks.items())
    shown = tuple(section for section in sections if section.blocks)
    return TopicPage(topic.name, words.title, language, shown)


def needed_claims(topic: Topic) -> tuple[str, ...]:
    """Names of the claims whose numbers or figures the page shows.

    Args:
        topic: Its numbers need not have been measured.

    Returns:
        Each once, those that the topic names first.
    """
    names = (*topic.claims, *(number.claim for number in topic.numbers.values()))
    return tuple(dict.fromkeys(names))


def _measured(topic: Topic, language: Language, results: Mapping[str, Done]) -> Iterator[Block]:
    phrases = phrases_in(language)
    for sentence in topic.words(language).measured:
        yield Item(_filled(sentence, topic, results, phrases))
    known = (_measurement(number, results) for number in topic.numbers.values())
    yield Prose(_how(results, phrases, any(m and isfinite(m.low) for m in known)), is_note=True)


def _filled(sentence: str, topic: Topic, results: Mapping[str, Done], phrases: Phrases) -> str:
    """The sentence with its numbers, or why they are missing."""
    shown = {}
    for name in PLACEHOLDER.findall(sentence):
        number = topic.numbers[name]
        found = _measurement(number, results)
        if found is None:
            reason = results[number.claim].reason
            return phrases.missing.format(claim=number.claim, reason=reason)
        shown[name] = found.written(phrases.interval)
    return sentence.format_map(shown).replace("） ", "）")  # no space after a wide bracket


def _measurement(number: Number, results: Mapping[str, Done]) -> Measurement | None:
    result = results[number.claim].result
    measurements = result.measurements if result else ()
    return next((m for m in measurements if m.name == number.measurement), None)


def _how(results: Mapping[str, Done], phrases: Phrases, has_intervals: bool) -> str:
    """How the numbers were measured."""
    runs = (
        phrases.random.format(claim=name, number=f"{done.result.seeds:,}")
        if done.result.seeds
        else phrases.exact.format(claim=name)
        for name, done in results.items()
        if done.result
    )
    parts = (
        phrases.quick.format(runs=phrases.between.join(runs)),
        phrases.brackets if has_intervals else "",
        phrases.kept if any(done.cached for done in results.values()) else "",
        environment(phrases.environment),
    )
    return "".join(parts)


def _rules(topic: Topic, language: Language) -> Iterator[Block]:
    for name, says in zip(topic.rules, topic.words(language).rules, strict=True):
        rule = find_rule(name)
        yield Pointer(f"{rule.code} {rule.name}", says, f"lifesigns explain {rule.code}")


def _claims(topic: Topic, language: Language, results: Mapping[str, Done]) -> Iterator[Block]:
    for name, says in zip(topic.claims, topic.words(language).claims, strict=True):
        result = results[name].result
        figures = (result.figure, *result.more) if result else ()
        yield Pointer(name, says, f"lifesigns claims {name}", figures)
