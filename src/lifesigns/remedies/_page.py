"""The page of the edits in the documentation, made from their manuals and cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import unified_diff

from lifesigns.locale import translated
from lifesigns.locale.spoken import ENGLISH, said_in
from lifesigns.remedies._edit import Case, Manual


@dataclass(frozen=True)
class Phrases:
    """What the page says around the edits' own texts."""

    head: str
    title: str
    changes: str
    unsafe: str
    asked: str
    between: str


IN_ENGLISH = Phrases(
    head="""
# Remedies as edits

An edit is a remedy that a program can make. It changes a live run before its first step, to see
what it does, and it writes the same change into the source of a script, where everything else stays
as it was written. An edit of the source is refused unless exactly one place is found for it.
Nothing here promises a cure: an edit is a candidate, and training shows what it is worth.
""",
    title="{}.",
    changes="**Changes.** {}",
    unsafe="**Unsafe.** {}",
    asked="Asked for by {}.",
    between=", ",
)


def markdown(
    manuals: Sequence[Manual], asked_by: Mapping[str, Sequence[str]], language: str = ENGLISH
) -> str:
    """All edits: what each changes, when it is unsafe, what it makes of a script, who asks for it.

    Args:
        manuals: In the order of the page.
        asked_by: Names of edits by the rule that asks for them.
        language: A code such as `zh`; an edit that has no texts in it speaks English.
    """
    phrases = replace(IN_ENGLISH, **(translated(language, "phrases", "edits") or {}))
    sections = (_section(each, asked_by, phrases, language) for each in manuals)
    return phrases.head.lstrip() + "".join(f"\n{section}" for section in sections)


def _section(
    manual: Manual, asked_by: Mapping[str, Sequence[str]], phrases: Phrases, language: str
) -> str:
    def say(text: str) -> str:
        return said_in(language, text, manual.name, "remedies")

    rules = sorted(rule for rule, names in asked_by.items() if manual.name in names)
    links = phrases.between.join(f"[{rule}](rules/{rule}.md)" for rule in rules)
    shown = next(case for case in manual.cases if case.after is not None)
    parts = (
        f"## {manual.name}",
        phrases.title.format(say(manual.title)),
        phrases.changes.format(say(manual.changes)),
        phrases.unsafe.format(say(manual.unsafe)),
        f"```diff\n{_difference(shown)}```",
        phrases.asked.format(links),
        "\n".join(f"- {reference}" for reference in manual.references),
    )
    return "\n\n".join(parts) + "\n"


def _difference(case: Case) -> str:
    """The lines that change, without the lines around them."""
    lines = (case.before.splitlines(), (case.after or "").splitlines())
    changed = list(unified_diff(*lines, n=0, lineterm=""))[2:]
    return "".join(f"{line}\n" for line in changed if not line.startswith("@@"))
