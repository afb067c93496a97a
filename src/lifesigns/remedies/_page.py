"""The page of the edits in the documentation, made from their manuals and cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import unified_diff

from lifesigns.remedies._edit import Case, Manual

HEAD = """\
# Remedies as edits

An edit is a remedy that a program can make. It changes a live run before its first step, to see
what it does, and it writes the same change into the source of a script, where everything else stays
as it was written. An edit of the source is refused unless exactly one place is found for it.
Nothing here promises a cure: an edit is a candidate, and training shows what it is worth.
"""


def markdown(manuals: Sequence[Manual], asked_by: Mapping[str, Sequence[str]]) -> str:
    """All edits: what each changes, when it is unsafe, what it makes of a script, who asks for it.

    Args:
        manuals: In the order of the page.
        asked_by: Names of edits by the rule that asks for them.
    """
    return HEAD + "".join(f"\n{_section(each, asked_by)}" for each in manuals)


def _section(manual: Manual, asked_by: Mapping[str, Sequence[str]]) -> str:
    rules = [
        f"[{rule}](rules/{rule}.md)" for rule, names in asked_by.items() if manual.name in names
    ]
    shown = next(case for case in manual.cases if case.after is not None)
    parts = (
        f"## {manual.name}",
        f"{manual.title}.",
        f"**Changes.** {manual.changes}",
        f"**Unsafe.** {manual.unsafe}",
        f"```diff\n{_difference(shown)}```",
        f"Asked for by {', '.join(sorted(rules))}.",
        "\n".join(f"- {reference}" for reference in manual.references),
    )
    return "\n\n".join(parts) + "\n"


def _difference(case: Case) -> str:
    """The lines that change, without the lines around them."""
    lines = (case.before.splitlines(), (case.after or "").splitlines())
    changed = list(unified_diff(*lines, n=0, lineterm=""))[2:]
    return "".join(f"{line}\n" for line in changed if not line.startswith("@@"))
