"""The manual: the list of rules, and a page for each. All of it is made from the rules themselves.

Thresholds, examples and remedies are not written down a second time: the page runs the rule on its
own cases and shows what it says there. A page has the same headings on a terminal (`page`) and in
the documentation (`markdown`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from rich.console import Console, ConsoleRenderable
from rich.markdown import Markdown
from rich.text import Text

from lifesigns.evidence import Run
from lifesigns.locale.spoken import said, said_in
from lifesigns.records import Finding, Remedy
from lifesigns.report.language import Language
from lifesigns.report.sentences import findings_in
from lifesigns.report.tables import print_described
from lifesigns.report.terminal import LABELS, Said, fitted, indented_code, prose, rows, write
from lifesigns.report.wording import Phrases, Words, family_names, phrases_in, worded
from lifesigns.report.wrapping import is_wide, wrapped
from lifesigns.rules import Rule, all_rules


def rules_table(console: Console) -> None:
    """Prints every rule: code, name and title, by family.

    Args:
        console: Where it is printed.
    """
    write(console, lambda: _print_rules(console, all_rules()))


def page(rule: Rule, console: Console, language: Language = Language.ENGLISH) -> None:
    """Prints a rule's manual page.

    Args:
        rule: Its own cases, judged, are the examples.
        console: Where it is printed.
        language: English where the rule has no other words; a note then says so.
    """
    write(console, lambda: _print_page(console, rule, language))


def markdown(rule: Rule, language: Language = Language.ENGLISH) -> str:
    """A rule's manual page as Markdown, for the documentation.

    Args:
        rule: Its own cases, judged, are the examples.
        language: English where the rule has no other words; a note then says so.
    """
    phrases = phrases_in(language)
    words = worded(rule, _remedies(_examples(rule)), language)
    parts = (
        [words.sees],
        [words.why, *_explained(rule, phrases, "[{0}]({0}.md)")],
        [words.evidence, _table(phrases.thresholds, _sources(rule, language))],
        [_remedy(number, each, phrases) for number, each in enumerate(words.remedies, 1)],
        [words.ignore],
        ["\n".join(f"- {reference}" for reference in rule.references)],
        [_table(phrases.cases, _cases(rule, words, language))],
    )
    lines = [f"# {rule.code} {rule.name}", words.title + phrases.stop]
    lines += [words.note] if words.note else []
    for heading, part in zip(phrases.headings, parts, strict=True):
        lines += [f"## {heading}", *part]
    return "\n\n".join(lines) + "\n"


def index(
    rules: Sequence[Rule], language: Language = Language.ENGLISH, folder: str = "rules"
) -> str:
    """The list of rules as Markdown, with a link to the page of each in `folder`.

    Args:
        rules: Sorted by family.
        language: Of titles and headings.
        folder: Where the pages are, as seen from the list.
    """
    phrases = phrases_in(language)
    families = family_names(language)
    lines = [f"# {phrases.rules}"]
    for family, members in groupby(rules, key=lambda rule: rule.family):
        links = (
            (f"[{r.code} {r.name}]({folder}/{r.name}.md)", worded(r, (), language).title)
            for r in members
        )
        lines += [f"## {families.get(family, family).capitalize()}", _table(phrases.rule, links)]
    return "\n\n".join(lines) + "\n"


# --- on a terminal --------------------------------------------------------------------------------
def _print_rules(console: Console, rules: Sequence[Rule]) -> None:
    language = Language.spoken()
    families = family_names(language)
    column = max(len(f"{rule.code}  {rule.name}") for rule in rules)
    for family, members in groupby(rules, key=lambda rule: rule.family):
        console.print(Text(families.get(family, family), "bold"))
        pairs = [(f"{r.code}  {r.name}", worded(r, (), language).title) for r in members]
        print_described(console, pairs, column=column)
        console.print()
    more = said("lifesigns explain RULE shows the page of one, by name or code.")
    console.print(Text(prose(console, more).plain, "dim"))


def _print_page(console: Console, rule: Rule, language: Language) -> None:
    found = _examples(rule)
    phrases, words = phrases_in(language), worded(rule, _remedies(found), language)
    parts: tuple[list[ConsoleRenderable], ...] = (
        [_prose(console, words.sees)],
        [_prose(console, "\n\n".join((words.why, *_explained(rule, phrases))))],
        [
            _prose(console, words.evidence),
            Text(),
            rows(console, *_thresholds(rule, language, phrases)),
        ],
        [rows(console, *_numbered(console, words.remedies, phrases))],
        [_prose(console, words.ignore)],
        [_prose(console, "  \n".join(rule.references))],
        [
            rows(console, *_cases(rule, words, language)),
            Text(),
            rows(console, *_said(found, phrases, language)),
        ],
    )
    console.print(Text(f"{rule.code} {rule.name}", "bold"))
    console.print(_lines(console, words.title))
    if words.note:
        console.print(Text(fitted(console, words.note), "dim"))
    for heading, part in zip(phrases.headings, parts, strict=True):
        console.print()
        console.print(Text(heading, "bold"))
        for each in part:
            console.print(each)


def _prose(console: Console, text: str) -> ConsoleRenderable:
    """Paragraphs: Markdown, or plain Chinese, which Rich would break before a full stop."""
    if is_wide(text):
        plain = re.sub(r"\*(\S[^*]*)\*", r"\1", text)
        return Text("\n\n").join(_lines(console, each) for each in plain.split("\n\n"))
    return Markdown(fitted(console, text.strip()), hyperlinks=False)


def _lines(console: Console, text: str, margin: int = 0) -> Text:
    text = fitted(console, text)
    return Text("\n".join(wrapped(text, console.width - margin)) if is_wide(text) else text)


def _numbered(
    console: Console, remedies: Sequence[Remedy], phrases: Phrases
) -> Iterator[tuple[str, Said]]:
    for number, remedy in enumerate(remedies, 1):
        yield str(number), _lines(console, remedy.text, LABELS + 2)
        if remedy.code:
            yield "", indented_code(console, remedy.code)
        if remedy.edit:
            yield "", Text(fitted(console, phrases.edit.format(remedy.edit)), "dim")


def _said(
    findings: Sequence[Finding], phrases: Phrases, language: Language
) -> Iterator[tuple[str, Said]]:
    """What the rule says to the first of its cases."""
    for finding in findings_in(language, findings[:1]):
        said = (finding.symptom, finding.measured, finding.expected, finding.certainty)
        yield from zip(phrases.said, said, strict=True)


# --- what both show -------------------------------------------------------------------------------
def _examples(rule: Rule) -> list[Finding]:
    return [f for case in rule.cases if case.fires for f in rule.judge(Run(case.trace()))]


def _explained(rule: Rule, phrases: Phrases, form: str = "{}") -> Iterator[str]:
    if rule.explains:
        yield phrases.explains.format(phrases.between.join(map(form.format, rule.explains)))


def _thresholds(rule: Rule, language: Language, phrases: Phrases) -> Iterator[tuple[str, str]]:
    for value, meaning, source in _sources(rule, language):
        yield value, phrases.brackets.format(meaning, source)


def _sources(rule: Rule, language: Language) -> Iterator[tuple[str, str, str]]:
    for threshold in rule.thresholds.values():
        texts = (threshold.meaning, threshold.source)
        meaning, source = (said_in(language.value, text, "thresholds") for text in texts)
        yield f"{threshold:g}", meaning, source


def _cases(rule: Rule, words: Words, language: Language) -> Iterator[tuple[str, str]]:
    for case, name in zip(rule.cases, words.cases, strict=True):
        verdict = case.fires.value if case.fires else "silent"
        yield said_in(language.value, verdict, "report"), name


def _remedies(findings: Iterable[Finding]) -> list[Remedy]:
    return list(dict.fromkeys(remedy for finding in findings for remedy in finding.remedies))


# --- as Markdown ----------------------------------------------------------------------------------
def _remedy(number: int, remedy: Remedy, phrases: Phrases) -> str:
    edit = f"\n\n{phrases.edit.format(f'`{remedy.edit}`')}" if remedy.edit else ""
    code = f"\n\n```python\n{remedy.code.strip()}\n```" if remedy.code else ""
    below = (code + edit).replace("\n", "\n    ").replace("\n    \n", "\n\n")
    return f"{number}. {remedy.text}{below}"


def _table(head: tuple[str, ...], lines: Iterator[tuple[str, ...]]) -> str:
    made = (head, ("---",) * len(head), *lines)
    cells = ((cell.replace("|", "\\|") for cell in row) for row in made)
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
