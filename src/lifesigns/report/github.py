"""The findings as annotations that GitHub shows beside the code: lines that its runner reads.

Source: docs.github.com, "Workflow commands for GitHub Actions", error, warning and notice message.
"""

from __future__ import annotations

from collections.abc import Sequence

from lifesigns.locale.spoken import said
from lifesigns.records import Finding, Severity, Trace
from lifesigns.report.language import Language
from lifesigns.report.sarif import script_of
from lifesigns.report.sentences import spoken_findings
from lifesigns.report.wording import labelled, sentences

COMMAND = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_ESCAPED = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTIES = {**_ESCAPED, ":": "%3A", ",": "%2C"}


def to_github(trace: Trace, findings: Sequence[Finding]) -> str:
    """One line for each finding, in the language of this process; empty if there is none.

    Args:
        trace: Tells the script.
        findings: Most important first.

    Example:
        >>> from lifesigns.records import Finding
        >>> finding = Finding("dead-units", "ACT001", Severity.WARNING, "all dead", "1:relu#0", 3,
        ...     "0 %", "more", "sure", "Because.")
        >>> print(to_github(Trace(), [finding]), end="")
        ::warning title=ACT001 dead-units at 1%3Arelu#0::all dead. Measured: 0 %25. More: lifesigns
        explain dead-units
    """
    file = script_of(trace.info.command)
    return "".join(f"{_annotation(finding, file)}\n" for finding in spoken_findings(findings))


def _annotation(finding: Finding, file: str) -> str:
    where = f" at {finding.site}" if finding.site else ""
    title = said(f"{finding.code} {finding.rule}".strip() + where, "compare")
    properties = {**({"file": file} if file else {}), "title": title}
    given = ",".join(f"{key}={_escaped(v, _IN_PROPERTIES)}" for key, v in properties.items())
    language = Language.spoken()
    advice = [labelled(language, "Do first", remedy.text) for remedy in finding.remedies[:1]]
    measured = labelled(language, "Measured", finding.measured)
    told = sentences(language, finding.symptom, measured, *advice)
    more = labelled(language, "More", f"lifesigns explain {finding.rule}")
    return f"::{COMMAND[finding.severity]} {given}::{_escaped(f'{told} {more}', _ESCAPED)}"


def _escaped(text: str, signs: dict[str, str]) -> str:
    return "".join(signs.get(sign, sign) for sign in text)
