"""What a finding reads like in a tracker of experiments."""

from __future__ import annotations

from lifesigns.locale.spoken import said_in
from lifesigns.records import Finding
from lifesigns.report.language import Language
from lifesigns.report.sentences import findings_in
from lifesigns.report.wording import labelled


def title(finding: Finding) -> str:
    """One line: rule and symptom.

    Args:
        finding: Of any severity.
    """
    (told,) = findings_in(Language.asked(), [finding])
    return f"{told.code} {told.rule}: {told.symptom}"


def text(finding: Finding) -> str:
    """What goes beneath it: where, what was measured, and what to do first.

    Args:
        finding: Of any severity.
    """
    language = Language.asked()
    (told,) = findings_in(language, [finding])
    place = f"{told.site or 'the whole run'}, step {told.step}"
    lines = [
        ("where", said_in(language.value, place, "report")),
        ("measured", told.measured),
        ("expected", told.expected),
        *(("do first", remedy.text) for remedy in told.remedies[:1]),
    ]
    return "  \n".join(labelled(language, label, line) for label, line in lines)


def whole(finding: Finding) -> str:
    """Both, for a place that has no titles.

    Args:
        finding: Of any severity.
    """
    severity = said_in(Language.asked().value, finding.severity.value, "report")
    return f"**{severity} {title(finding)}**  \n{text(finding)}"
