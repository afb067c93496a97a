"""The manual: the list of rules, and a page for each. All of it is made from the rules themselves.

Thresholds, examples and remedies are not written down a second time: the page runs the rule on its
own cases and shows what it says there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from lifesigns.records import Finding
from lifesigns.report.terminal import Said, fitted, indented_code, rows, write
from lifesigns.rules import FAMILIES, Rule, all_rules


def rules_table(console: Console) -> None:
    """Prints every rule: code, name and title, by family."""
    write(console, lambda: _print_rules(console, all_rules()))


def page(rule: Rule, console: Console) -> None:
    """Prints a rule's manual page."""
    write(console, lambda: _print_page(console, rule))


def _print_rules(console: Console, rules: Sequence[Rule]) -> None:
    longest = max(len(rule.name) for rule in rules)
    for family, members in groupby(rules, key=lambda rule: rule.code[:3]):
        console.print(Text(FAMILIES[family], "bold"))
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
    examples = [f for case in rule.cases if case.fires for f in rule.check(case.trace())]
    console.print(Text(f"{rule.code} {rule.name}", "bold"))
    console.print(Text(fitted(console, rule.title)))
    console.print()
    console.print(Text(fitted(console, rule.why)))
    console.print()
    console.print(Markdown(fitted(console, rule.manual.strip()), hyperlinks=False))
    for heading, lines in (
        ("Thresholds", _thresholds(rule)),
        ("Proved on these cases", _cases(rule)),
        ("What it says to the first of them", _example(examples)),
        ("What to do", _remedies(console, examples)),
    ):
        console.print()
        console.print(Text(heading, "bold"))
        console.print(rows(console, *lines))


def _thresholds(rule: Rule) -> Iterator[tuple[str, Said]]:
    for threshold in rule.thresholds.values():
        yield f"{threshold.value:g}", f"{threshold.meaning} ({threshold.source})"


def _cases(rule: Rule) -> Iterator[tuple[str, Said]]:
    for case in rule.cases:
        yield (case.fires.value if case.fires else "silent"), case.name


def _example(findings: Sequence[Finding]) -> Iterator[tuple[str, Said]]:
    for finding in findings[:1]:
        yield finding.severity.value, finding.symptom
        yield "measured", finding.measured
        yield "expected", finding.expected
        yield "certainty", finding.certainty


def _remedies(console: Console, findings: Sequence[Finding]) -> Iterator[tuple[str, Said]]:
    every = dict.fromkeys(remedy for finding in findings for remedy in finding.remedies)
    for number, remedy in enumerate(every, 1):
        yield str(number), remedy.text
        if remedy.code:
            yield "", indented_code(console, remedy.code)
