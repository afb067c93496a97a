"""What rules say of one run in another language: their own templates, and those of all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lifesigns.locale import translated
from lifesigns.locale.templates import in_words
from lifesigns.records import Finding
from lifesigns.report.language import Language
from lifesigns.report.wording import translation
from lifesigns.rules import all_rules


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


def spoken_findings(findings: Iterable[Finding]) -> list[Finding]:
    """The findings in the language of this process, as far as it has their sentences.

    Args:
        findings: As rules say them.
    """
    return findings_in(Language.spoken(), findings)


def findings_in(language: Language, findings: Iterable[Finding]) -> list[Finding]:
    """The findings in a language, as far as it has their sentences.

    Args:
        language: Of the answer.
        findings: As rules say them.
    """
    if language is Language.ENGLISH:
        return list(findings)
    return [_in_words(finding, language) for finding in findings]


def _in_words(finding: Finding, language: Language) -> Finding:
    def say(text: str) -> str:
        return in_other_words(language, finding.rule, text) or text

    texts = translated(language.value, "rules", finding.rule) or {}
    remedies = texts.get("remedies", {})
    rule = next((rule for rule in all_rules() if rule.name == finding.rule), None)
    is_same = rule is not None and finding.why == rule.why and translation(rule, language)
    return replace(
        finding,
        symptom=say(finding.symptom),
        measured=say(finding.measured),
        expected=say(finding.expected),
        certainty=say(finding.certainty),
        why=texts["why"] if is_same else say(finding.why),
        remedies=tuple(replace(r, text=remedies.get(r.text, r.text)) for r in finding.remedies),
    )


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
    return in_words(language.value, ("rules", rule) if rule else None, sentence)
