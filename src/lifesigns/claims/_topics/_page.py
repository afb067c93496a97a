"""A topic with its numbers: sections of blocks, which terminal and browser show in their ways."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lifesigns.claims._book import environment
from lifesigns.claims._claim import Spec
from lifesigns.claims._engine import Done
from lifesigns.claims._topics._phrases import PHRASES, Phrases
from lifesigns.claims._topics._topic import Formula, Language, Topic
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
    figure: Spec | None = None


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
    words, phrases = topic.words(language), PHRASES[language]
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
    """Names of the claims whose numbers or figures the page shows."""
    names = (*topic.claims, *(number.claim for number in topic.numbers.values()))
    return tuple(dict.fromkeys(names))


def _measured(topic: Topic, language: Language, results: Mapping[str, Done]) -> Iterator[Block]:
    phrases = PHRASES[language]
    for sentence in topic.words(language).measured:
        used = [topic.numbers[name] for name in PLACEHOLDER.findall(sentence)]
        missing = next((results[n.claim] for n in used if results[n.claim].result is None), None)
        if missing is not None:
            yield Item(phrases.missing.format(claim=missing.claim.name, reason=missing.reason))
        else:
            yield Item(sentence.format_map(_shown(topic, sentence, results, phrases)))
    yield Prose(_how(results, phrases), is_note=True)


def _shown(
    topic: Topic, sentence: str, results: Mapping[str, Done], phrases: Phrases
) -> dict[str, str]:
    """The numbers of one sentence, by placeholder."""
    shown = {}
    for name in PLACEHOLDER.findall(sentence):
        number = topic.numbers[name]
        result = results[number.claim].result
        found = {m.name: m for m in result.measurements} if result else {}
        shown[name] = found[number.measurement].written(phrases.interval)
    return shown


def _how(results: Mapping[str, Done], phrases: Phrases) -> str:
    runs = (
        phrases.random.format(claim=name, number=f"{done.result.seeds:,}")
        if done.result.seeds
        else phrases.exact.format(claim=name)
        for name, done in results.items()
        if done.result
    )
    kept = phrases.kept if any(done.cached for done in results.values()) else ""
    how = phrases.quick.format(runs=phrases.between.join(runs))
    return how + kept + environment(phrases.environment)


def _rules(topic: Topic, language: Language) -> Iterator[Block]:
    for name, says in zip(topic.rules, topic.words(language).rules, strict=True):
        rule = find_rule(name)
        yield Pointer(f"{rule.code} {rule.name}", says, f"lifesigns explain {rule.code}")


def _claims(topic: Topic, language: Language, results: Mapping[str, Done]) -> Iterator[Block]:
    for name, says in zip(topic.claims, topic.words(language).claims, strict=True):
        result = results[name].result
        figure = result.figure if result else None
        yield Pointer(name, says, f"lifesigns claims {name}", figure)
