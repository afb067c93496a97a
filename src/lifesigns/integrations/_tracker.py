"""What a finding reads like in a tracker of experiments."""

from __future__ import annotations

from lifesigns.records import Finding


def title(finding: Finding) -> str:
    """One line: rule and symptom.

    Args:
        finding: Of any severity.
    """
    return f"{finding.code} {finding.rule}: {finding.symptom}"


def text(finding: Finding) -> str:
    """What goes beneath it: where, what was measured, and what to do first.

    Args:
        finding: Of any severity.
    """
    lines = [
        f"where: {finding.site or 'the whole run'}, step {finding.step}",
        f"measured: {finding.measured}; expected: {finding.expected}",
    ]
    lines += [f"do first: {remedy.text}" for remedy in finding.remedies[:1]]
    return "  \n".join(lines)


def whole(finding: Finding) -> str:
    """Both, for a place that has no titles.

    Args:
        finding: Of any severity.
    """
    return f"**{finding.severity.value} {title(finding)}**  \n{text(finding)}"
