"""What a manual page says in the language of its reader: its headings, and a rule's own words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lifesigns.locale import translated
from lifesigns.locale.spoken import said_in
from lifesigns.records import Remedy
from lifesigns.report.language import Language
from lifesigns.rules import FAMILIES, Rule


@dataclass(frozen=True)
class Phrases:
    """What all pages say alike."""

    headings: tuple[str, ...]
    """Of every page, in this order."""
    explains: str
    between: str
    thresholds: tuple[str, str, str]
    cases: tuple[str, str]
    said: tuple[str, str, str, str]
    """Labels of what the rule says to the first of its cases."""
    rules: str
    rule: tuple[str, str]
    stop: str
    edit: str
    """Names the edit that does what a remedy says."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """What stands before the name of a case, by the English word for its kind."""
    brackets: str = "{} ({})"
    """A threshold's meaning and source."""
    note: str = ""
    untranslated: str = ""
    """The note of a rule that has no words in this language."""


ENGLISH = Phrases(
    headings=(
        "What it sees",
        "Why it harms",
        "Evidence and thresholds",
        "What to do",
        "When to ignore it",
        "References",
        "Proved on these cases",
    ),
    explains="Where both are found, it explains {}.",
    between=", ",
    thresholds=("Threshold", "Meaning", "Source"),
    cases=("Verdict", "Case"),
    said=("the first", "measured", "expected", "certainty"),
    rules="The rules",
    rule=("Rule", "Symptom"),
    stop=".",
    edit="As an edit: {}",
)


def labelled(language: Language, label: str, text: str) -> str:
    """A text behind its label.

    Args:
        language: Of the text.
        label: English, one of the labels of a report; a capital letter stays one.
        text: In that language.

    Example:
        >>> labelled(Language.CHINESE, "Measured", "0 %"), labelled(Language.ENGLISH, "or", "b")
        ('实测：0 %', 'or: b')
    """
    if language is Language.ENGLISH:
        return f"{label}: {text}"
    return f"{said_in(language.value, label.lower(), 'report')}：{text}"


def sentences(language: Language, *texts: str) -> str:
    """Texts as sentences behind one another.

    Args:
        language: Of the texts.
        texts: Those that end without a stop get one; empty ones are left out.

    Example:
        >>> sentences(Language.ENGLISH, "a", "b.", ""), sentences(Language.CHINESE, "一", "二。")
        ('a. b.', '一。二。')
    """
    stop = phrases_in(language).stop
    space = " " if language is Language.ENGLISH else ""
    return space.join(text if text.endswith(stop) else text + stop for text in texts if text)


def phrases_in(language: Language) -> Phrases:
    """The phrases of a language; English ones where it has none.

    Args:
        language: One without a file of phrases gets those in English.
    """
    return replace(ENGLISH, **(translated(language.value, "phrases", "manual") or {}))


@dataclass(frozen=True)
class Words:
    """A rule's own words in one language, and a note where some are in another."""

    title: str
    why: str
    remedies: tuple[Remedy, ...]
    note: str
    sees: str
    evidence: str
    ignore: str
    cases: tuple[str, ...]


def worded(rule: Rule, remedies: Iterable[Remedy], language: Language) -> Words:
    """The words of `rule` and of these remedies of its; English where there are no others.

    Args:
        rule: Its own words are the English ones.
        remedies: In the order in which the page shows them; each is translated by itself.
        language: Of the words.
    """
    phrases, texts = phrases_in(language), translation(rule, language)
    page = texts and texts.get("page", {})
    if not page or page["translates"] != rule.page_fingerprint:
        page, note = _english_page(rule), phrases.note
    else:
        page, note = {**page, "cases": _prefixed(rule, page["cases"], phrases)}, ""
    sections = page["sees"], page["evidence"], page["ignore"], tuple(page["cases"])
    if texts is None:
        return Words(rule.title, rule.why, tuple(remedies), phrases.untranslated, *sections)
    done = tuple(replace(r, text=texts["remedies"].get(r.text, r.text)) for r in remedies)
    return Words(texts["title"], texts["why"], done, note, *sections)


def _english_page(rule: Rule) -> dict[str, Any]:
    return {
        "sees": rule.sees.strip(),
        "evidence": rule.evidence.strip(),
        "ignore": rule.ignore.strip(),
        "cases": [case.name for case in rule.cases],
    }


def _prefixed(rule: Rule, names: Iterable[str], phrases: Phrases) -> list[str]:
    """The names of the cases, with what kind of case it is; some have a kind and no name."""
    shown = []
    for case, name in zip(rule.cases, names, strict=True):
        kind, colon, _ = case.name.partition(":")
        before = phrases.kinds.get(kind, "")
        shown.append(f"{before}{name}" if colon or not before else before.rstrip("："))
    return shown


def translation(rule: Rule, language: Language) -> Mapping[str, Any] | None:
    """The texts of a rule in another language: `title`, `why`, and `remedies` by the English.

    None where there are none, or where they translate a title and a reason that have changed since.

    Args:
        rule: Built-in; a plug-in rule has no translations.
        language: English gives None: the rule speaks it itself.
    """
    texts = translated(language.value, "rules", rule.name)
    return texts if texts is not None and texts["translates"] == rule.fingerprint else None


def family_names(language: Language) -> Mapping[str, str]:
    """What the families are called, by the letters of their codes.

    Args:
        language: Families without a name in it keep the English one.
    """
    return {**FAMILIES, **(translated(language.value, "phrases", "families") or {})}
