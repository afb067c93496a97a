"""The manual: the list of rules, and a page for each. All of it is made from the rules themselves.

Thresholds, examples and remedies are not written down a second time: the page runs the rule on its
own cases and shows what it says there. A page has the same headings on a terminal (`page`) and in
the documentation (`markdown`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Console, ConsoleRenderable
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from lifesigns.records import Finding, Remedy
from lifesigns.report.terminal import Said, fitted, indented_code, rows, write
from lifesigns.rules import FAMILIES, Rule, all_rules

SEES = "What it sees"
WHY = "Why it harms"
EVIDENCE = "Evidence and thresholds"
REMEDIES = "What to do"
IGNORE = "When to ignore it"
REFERENCES = "References"
CASES = "Proved on these cases"
HEADINGS = (SEES, WHY, EVIDENCE, REMEDIES, IGNORE, REFERENCES, CASES)
"""Of every page, in this order."""


def rules_table(console: Console) -> None:
    """Prints every rule: code, name and title, by family."""
    write(console, lambda: _print_rules(console, all_rules()))


def page(rule: Rule, console: Console) -> None:
    """Prints a rule's manual page."""
    write(console, lambda: _print_page(console, rule))


def markdown(rule: Rule) -> str:
    """A rule's manual page as Markdown, for the documentation."""
    found = _examples(rule)
    parts = {
        SEES: [rule.sees.strip()],
        WHY: [rule.why, *_explained(rule, "[{0}]({0}.md)")],
        EVIDENCE: [
            rule.evidence.strip(),
            _table(("Threshold", "Meaning", "Source"), _sources(rule)),
        ],
        REMEDIES: [_remedy(number, remedy) for number, remedy in enumerate(_remedies(found), 1)],
        IGNORE: [rule.ignore.strip()],
        REFERENCES: ["\n".join(f"- {reference}" for reference in rule.references)],
        CASES: [_table(("Verdict", "Case"), _cases(rule))],
    }
    lines = [f"# {rule.code} {rule.name}", f"{rule.title}."]
    for heading in HEADINGS:
        lines += [f"## {heading}", *parts[heading]]
    return "\n\n".join(lines) + "\n"


def index(rules: Sequence[Rule]) -> str:
    """The list of rules as Markdown, with a link to the page of each."""
    lines = ["# The rules"]
    for family, members in groupby(rules, key=lambda rule: rule.family):
        links = ((f"[{r.code} {r.name}](rules/{r.name}.md)", r.title) for r in members)
        lines += [
            f"## {FAMILIES.get(family, family).capitalize()}",
            _table(("Rule", "Symptom"), links),
        ]
    return "\n\n".join(lines) + "\n"


# --- on a terminal --------------------------------------------------------------------------------
def _print_rules(console: Console, rules: Sequence[Rule]) -> None:
    longest = max(len(rule.name) for rule in rules)
    for family, members in groupby(rules, key=lambda rule: rule.family):
        console.print(Text(FAMILIES.get(family, family), "bold"))
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, style="dim")
        table.add_column(no_wrap=True, min_width=longest)
        table.add_column(overflow="fold")
        for rule in members:
            table.add_row(rule.code, rule.name, Text(fitted(console, rule.title)))
        console.print(table)
        console.print()
    console.print(Text("lifesigns explain RULE shows the page of one, by name or code.", "dim"))


def _print_page(console: Console, rule: Rule) -> None:
    console.print(Text(f"{rule.code} {rule.name}", "bold"))
    console.print(Text(fitted(console, rule.title)))
    parts = _parts(console, rule)
    for heading in HEADINGS:
        console.print()
        console.print(Text(heading, "bold"))
        for part in parts[heading]:
            console.print(part)


def _parts(console: Console, rule: Rule) -> dict[str, list[ConsoleRenderable]]:
    """What stands under each heading."""

    def prose(text: str) -> Markdown:
        return Markdown(fitted(console, text.strip()), hyperlinks=False)

    found = _examples(rule)
    return {
        SEES: [prose(rule.sees)],
        WHY: [prose("\n\n".join((rule.why, *_explained(rule))))],
        EVIDENCE: [prose(rule.evidence), Text(), rows(console, *_thresholds(rule))],
        REMEDIES: [rows(console, *_numbered(console, _remedies(found)))],
        IGNORE: [prose(rule.ignore)],
        REFERENCES: [prose("  \n".join(rule.references))],
        CASES: [rows(console, *_cases(rule)), Text(), rows(console, *_said(found))],
    }


def _numbered(console: Console, remedies: Sequence[Remedy]) -> Iterator[tuple[str, Said]]:
    for number, remedy in enumerate(remedies, 1):
        yield str(number), remedy.text
        if remedy.code:
            yield "", indented_code(console, remedy.code)


def _said(findings: Sequence[Finding]) -> Iterator[tuple[str, Said]]:
    """What the rule says to the first of its cases."""
    for finding in findings[:1]:
        yield "the first", finding.symptom
        yield "measured", finding.measured
        yield "expected", finding.expected
        yield "certainty", finding.certainty


# --- what both show -------------------------------------------------------------------------------
def _examples(rule: Rule) -> list[Finding]:
    return [f for case in rule.cases if case.fires for f in rule.check(case.trace())]


def _explained(rule: Rule, form: str = "{}") -> Iterator[str]:
    if rule.explains:
        yield f"Where both are found, it explains {', '.join(map(form.format, rule.explains))}."


def _thresholds(rule: Rule) -> Iterator[tuple[str, str]]:
    for value, meaning, source in _sources(rule):
        yield value, f"{meaning} ({source})"


def _sources(rule: Rule) -> Iterator[tuple[str, str, str]]:
    for threshold in rule.thresholds.values():
        yield f"{threshold.value:g}", threshold.meaning, threshold.source


def _cases(rule: Rule) -> Iterator[tuple[str, str]]:
    for case in rule.cases:
        yield (case.fires.value if case.fires else "silent"), case.name


def _remedies(findings: Sequence[Finding]) -> list[Remedy]:
    return list(dict.fromkeys(remedy for finding in findings for remedy in finding.remedies))


# --- as Markdown ----------------------------------------------------------------------------------
def _remedy(number: int, remedy: Remedy) -> str:
    code = f"\n\n```python\n{remedy.code.strip()}\n```" if remedy.code else ""
    return f"{number}. {remedy.text}" + code.replace("\n", "\n   ").replace("\n   \n", "\n\n")


def _table(head: tuple[str, ...], lines: Iterator[tuple[str, ...]]) -> str:
    made = (head, ("---",) * len(head), *lines)
    cells = ((cell.replace("|", "\\|") for cell in row) for row in made)
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
