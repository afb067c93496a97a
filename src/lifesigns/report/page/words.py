"""The titles of the rules that found something, and what a page says in other languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lifesigns.records import Finding
from lifesigns.report.language import Language
from lifesigns.report.page.columns import COLUMNS
from lifesigns.report.sentences import said_in
from lifesigns.report.wording import translation
from lifesigns.rules import Rule, all_rules


def titles(findings: Sequence[Finding]) -> dict[str, str]:
    """The English title of each rule that found something, by the rule's name.

    Args:
        findings: A note on a rule that failed has none.
    """
    return {rule.name: rule.title for rule in _rules(findings)}


def words(findings: Sequence[Finding], report: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """By language, what is known of a report's sentences, by the English one.

    Args:
        findings: What they say is translated, with titles, reasons and remedies of their rules.
        report: Its verdict is translated, and what it says was not watched.
    """
    others = (language for language in Language if language is not Language.ENGLISH)
    texts = (report["verdict"], *report["coverage"]["unwatched"])
    return {
        language.value: said_in(language, findings, texts)
        | _translated(findings, language)
        | {column.source(Language.ENGLISH): column.source(language) for column in COLUMNS}
        for language in others
    }


def _translated(findings: Sequence[Finding], language: Language) -> dict[str, str]:
    found: dict[str, str] = {}
    for rule in _rules(findings):
        texts = translation(rule, language)
        if texts is not None:
            found |= {rule.title: texts["title"], rule.why: texts["why"]}
            said = {r.text for f in findings if f.rule == rule.name for r in f.remedies}
            found |= {text: done for text, done in texts["remedies"].items() if text in said}
    return found


def _rules(findings: Sequence[Finding]) -> list[Rule]:
    names = {finding.rule for finding in findings}
    return [rule for rule in all_rules() if rule.name in names]
