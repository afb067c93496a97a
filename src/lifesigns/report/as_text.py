"""The report as text: labels in one column, what they say beside them.

A root cause is reported in full, with what it explains in one line each beneath it. All is said in
the language of the process, see `lifesigns.locale.spoken`.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import IO

from rich.console import Console, ConsoleRenderable
from rich.text import Text

from lifesigns.evidence import Course, Run
from lifesigns.evidence.course_in_words import compared, windows
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thinning import thinned
from lifesigns.locale import spoken
from lifesigns.records import Finding, Severity, Trace, grouped
from lifesigns.report.coverage import Unseen
from lifesigns.report.curve import Curve, curves, is_logarithmic, sparkline
from lifesigns.report.sentences import spoken_findings
from lifesigns.report.terminal import (
    COLOR,
    LABELS,
    PLAIN_WIDTH,
    Said,
    behind_colon,
    console_for,
    fitted,
    indented_code,
    prose,
    rows,
    write,
)
from lifesigns.report.verdict import alarms, verdict

STREAMS = 4
"""How many losses are drawn."""
LATE = 0.1
"""Share of the run behind the last recorded step from which the report says which that was."""

Group = tuple[Finding, Sequence[Finding]]
"""A finding, and those it explains."""


def print_report(
    trace: Trace,
    findings: Sequence[Finding],
    file: IO[str] | None = None,
    *,
    ignored: Mapping[str, int] | None = None,
    color: bool | None = None,
    width: int | None = None,
) -> None:
    """Prints the report to `file`, or to standard error.

    Args:
        trace: What was recorded.
        findings: Most important first.
        file: None for standard error; where the program has none, nothing is printed.
        ignored: How many findings of each rule were set aside; None for none.
        color: Whether colours are used; None lets the stream decide.
        width: Columns; None for the terminal's, or 80 elsewhere.
    """
    file = sys.stderr if file is None else file
    if file is None:  # a program without a standard error, such as `2>&-`
        return
    console = console_for(file, color=color, width=width)
    is_shown = not spoken.why_not_shown(file, {})
    with spoken.speaking(spoken.spoken() if is_shown else spoken.ENGLISH, spoken.asked()):
        write(console, lambda: _print(console, trace, findings, ignored or {}))


def plain(trace: Trace, findings: Sequence[Finding]) -> str:
    """The report without colour, 80 columns wide.

    Args:
        trace: What was recorded.
        findings: Most important first.
    """
    text = io.StringIO()
    print_report(trace, findings, text, color=False, width=PLAIN_WIDTH)
    return text.getvalue().rstrip("\n")


def svg(trace: Trace, findings: Sequence[Finding], title: str) -> str:
    """The report as a picture of a terminal; the fonts are the reader's own.

    Args:
        trace: What was recorded.
        findings: Most important first.
        title: Stands in the bar of the window.
    """
    console = Console(
        file=io.StringIO(),
        record=True,
        width=PLAIN_WIDTH,
        force_terminal=True,
        color_system="truecolor",
        force_jupyter=False,
        highlight=False,
        _environ={},
    )
    _print(console, trace, findings)
    return re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title=title), flags=re.DOTALL)


# --- the parts of the report, from top to bottom --------------------------------------------------
def _print(
    console: Console,
    trace: Trace,
    findings: Sequence[Finding],
    ignored: Mapping[str, int] = MappingProxyType({}),
) -> None:
    groups = grouped(spoken_findings(findings))
    alarming = _alike([group for group in groups if alarms(group[:1])])
    notes = _alike([(root, ()) for root, _ in groups if root.severity is Severity.NOTE])
    for part in (
        rows(console, *_said(_header(console, trace, findings))),
        *(_alarm(console, alike) for alike in alarming),
        *([rows(console, *(_note(console, alike) for alike in notes))] if notes else []),
        rows(console, *_said(_footer(trace, findings, ignored))),
    ):
        console.print(part)
        console.print()


def _said(pairs: Iterable[tuple[str | Text, Said]]) -> Iterator[tuple[str | Text, Said]]:
    """Labels and what they say, in the reader's language."""
    for label, said in pairs:
        other = _words(said) if isinstance(said, str) else said
        yield _words(label) if isinstance(label, str) else label, other


def _words(text: str) -> str:
    return "\n".join(spoken.said(line, "report") for line in text.split("\n"))


def _header(
    console: Console, trace: Trace, findings: Sequence[Finding]
) -> Iterator[tuple[str | Text, Said]]:
    worst = next((s for s in Severity if any(f.severity is s for f in findings)), None)
    said = verdict(trace, findings)
    style = "bold green" if said.startswith("learns:") else COLOR.get(worst or Severity.NOTE, "")
    shown = prose(console, _words(said), LABELS + 2)
    shown.stylize(style)
    yield Text("lifesigns", "bold"), shown
    yield "steps", _steps(trace)
    run = Run.of(trace)
    for curve in curves(trace)[:STREAMS]:
        label = "loss" if trace.losses.stream_count == 1 else f"loss {curve.stream + 1}"
        yield label, _loss(curve, run.stream(curve.stream).course)


def _steps(trace: Trace) -> str:
    outcome = trace.info.outcome.partition("\n")[0]
    how = "" if outcome in ("finished", "running") else f", {outcome}"
    how = how.replace(f"stopped after {counted(trace.steps, 'step')} (", "then stopped (")
    passes = len(trace.losses.values)
    without = f", {counted(passes, 'backward pass')}" if passes and not trace.steps else ""
    return f"{trace.steps}{without}{how}"


def _loss(curve: Curve, course: Course) -> str:
    """The levels by which the rules judge, drawn, and in a second line what they are."""
    scale = "  (log scale)" if is_logarithmic(curve.values) else ""
    end = course.end if course.ends_finite else curve.last
    drawn = f"{course.start:.4g} → {end:.4g}  {sparkline(curve.values)}{scale}"
    unit = "per observation, " if course.scaled else ""
    unit = f"per observation of the first term ({course.term}), " if course.term else unit
    return f"{drawn}\n{unit}{windows(course)}{compared(course)}" if course.steps > 1 else drawn


def _alike(groups: Sequence[Group]) -> list[list[Group]]:
    """The groups whose roots say the same of other places, together: it is printed once."""
    together: list[list[Group]] = []
    for group in groups:
        same = [others for others in together if _says_the_same(others[0][0], group[0])]
        if same:
            same[0].append(group)
        else:
            together.append([group])
    return together


def _says_the_same(one: Finding, other: Finding) -> bool:
    if (one.rule, one.severity, one.remedies) != (other.rule, other.severity, other.remedies):
        return False
    there = one.symptom.replace(one.site, other.site) if one.site else one.symptom
    return other.symptom in (one.symptom, there)


def _alarm(console: Console, alike: Sequence[Group]) -> ConsoleRenderable:
    finding = alike[0][0]
    symptoms = [symptom for _, explained in alike for symptom in explained]
    name = f"{finding.code} {finding.rule}".strip()
    symptom = prose(console, finding.symptom, LABELS + 2)
    heading = Text.assemble((fitted(console, name), "bold"), "\n", symptom)
    return rows(
        console,
        (_severity(finding), heading),
        *_said(
            (
                ("where", "\n".join(_place(root) for root, _ in alike)),
                ("measured", finding.measured),
                ("expected", finding.expected),
                ("certainty", finding.certainty),
                ("why", finding.why),
                *_symptoms(console, symptoms),
                *_remedies(console, finding),
            )
        ),
    )


def _severity(finding: Finding) -> Text:
    return Text(_words(finding.severity.value), COLOR[finding.severity])


def _symptoms(
    console: Console, findings: Sequence[Finding]
) -> Iterator[tuple[str | Text, ConsoleRenderable]]:
    for number, finding in enumerate(findings):
        severity = _severity(finding)
        line = behind_colon(f"{severity.plain} {finding.code} {finding.rule}", finding.symptom)
        shown = prose(console, line, LABELS + 2)
        shown.stylize(COLOR[finding.severity], 0, len(severity.plain))
        yield ("" if number else "symptoms"), shown


def _place(finding: Finding) -> str:
    return _words(f"{finding.site or 'the whole run'}, step {finding.step}")


def _remedies(console: Console, finding: Finding) -> Iterator[tuple[str | Text, Said]]:
    for number, remedy in enumerate(finding.remedies):
        if number:
            yield "or", _capitalised(remedy.text.removeprefix("Or "))
            continue
        yield "do first", remedy.text
        if remedy.code:
            yield "", indented_code(console, remedy.code)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _note(console: Console, alike: Sequence[Group]) -> tuple[Text, Text]:
    finding = alike[0][0]
    name = f"{finding.code} {finding.rule}".strip()
    places = ", ".join(_place(root) for root, _ in alike[1:])
    also = _words(f"; also at {places}") if places else ""
    shown = prose(console, behind_colon(name, f"{finding.symptom}{also}"), LABELS + 2)
    shown.stylize("bold", 0, len(fitted(console, name)))
    return _severity(finding), shown


def _last_recorded(trace: Trace) -> str:
    """Which step was recorded last, if the run went on for long after it."""
    last = max(snapshot.step for snapshot in trace.snapshots)
    return f", the last one step {last}" if last < (1 - LATE) * (trace.steps - 1) else ""


def _footer(
    trace: Trace, findings: Sequence[Finding], ignored: Mapping[str, int]
) -> Iterator[tuple[str, str]]:
    if ignored:
        each = ", ".join(f"{rule} ({number})" for rule, number in ignored.items())
        yield "ignored", f"{counted(sum(ignored.values()), 'finding')} of rules not asked: {each}"
    if trace.snapshots and trace.steps:
        yield "recorded", _recorded(trace) + _last_recorded(trace)
    unseen = list(Unseen.of(trace).sentences())
    for number, sentence in enumerate(unseen):
        yield ("" if number else "not seen"), sentence
    if trace.snapshots and not unseen:
        yield "not seen", "nothing: all operations of the recorded steps could be read"
    yield "cost", _cost(trace)
    if helps := _next(trace, findings):
        yield "next", helps


def _next(trace: Trace, findings: Sequence[Finding]) -> str:
    """The one command that helps now: to prove a remedy, or to read about what was found."""
    alarming = alarms(findings)
    command = trace.info.arguments
    if command and alarming and any(remedy.edit for remedy in alarming[0].remedies):
        return f"lifesigns prove{_language()} {shlex.join(command)}"
    coded = [finding.code for finding in (*alarming, *findings) if finding.code]
    return f"lifesigns explain{_language()} {coded[0]}" if coded else ""


def _language() -> str:
    """What a command needs to go on in the language that was asked for."""
    language = spoken.asked()
    return "" if language == spoken.of_locale(os.environ) else f" --lang {language}"


def _recorded(trace: Trace) -> str:
    """Recorded steps, those that only began included; and how many of them were judged."""
    judged = thinned(trace).recorded_steps
    recorded = max(trace.recorded, trace.recorded_steps)
    total = max(trace.steps, 1 + max(snapshot.step for snapshot in trace.snapshots))
    text = f"{recorded} of {total} steps"
    return text if recorded == judged else f"{text}, of which {judged} were judged"


def _cost(trace: Trace) -> str:
    cost = trace.cost
    if not (trace.steps and cost.training > 0):
        return f"watching took {_seconds(cost.watching)}"
    seconds = f"{_seconds(cost.watching)} of {_seconds(cost.training)}"
    line = f"watching cost {100 * cost.overhead:.1f} % of training time ({seconds})"
    parts = [
        f"{on} {_briefly(spent)}"
        for on, spent in (
            ("first steps", cost.first_steps),
            ("unrecorded steps", cost.idle_steps),
            ("recordings", cost.recordings),
        )
        if spent
    ]
    line = f"{line}: {', '.join(parts)}" if parts else line
    return f"{line}; judging, after it, {_briefly(cost.judging)}" if cost.judging else line


def _briefly(seconds: float) -> str:
    return f"{1000 * seconds:.2g} ms" if seconds < 0.0995 else _seconds(seconds)


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 99.5 else f"{seconds:.0f} s"
