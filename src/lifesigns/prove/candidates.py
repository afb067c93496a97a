"""The remedies that the findings of a run ask for, written into the source where that is safe."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lifesigns.prove.arm import Program
from lifesigns.prove.noted import Noted
from lifesigns.prove.sources import sources
from lifesigns.prove.treatment import Treatment
from lifesigns.records import Finding, Trace, grouped
from lifesigns.remedies import (
    UNDIAGNOSED,
    Both,
    Edit,
    Refusal,
    for_findings,
    for_nothing_found,
    for_sight,
)
from lifesigns.remedies.scale_rate import fitting_rate
from lifesigns.report.verdict import alarms

SHOWN = 4
"""Of a list in the settings of an edit."""
UNSAFE = re.compile(r'[\x00-\x1f\x7f"\\\udc80-\udcff]')
"""Letters of a path that git quotes; the last ones stand for bytes that are no text."""


UNCERTAIN = re.compile("places? could be|was found in the source|cannot be told|place for it")
"""What a refusal says where another place, or the only one, may show when the program runs."""
SYMPTOMS = ("loss-flat", "labels-unrelated", "constant-output", "loss-oscillates", "undiagnosed")
"""Rules that say what is wrong, not why: what the source gives away is tried before their edits."""


@dataclass(frozen=True)
class Candidate:
    """One remedy for one finding of a run."""

    finding: Finding
    edit: Edit
    sources: Mapping[str, str] = field(default_factory=dict)
    """The changed file by its absolute path; empty where the edit cannot be written."""
    originals: Mapping[str, str] = field(default_factory=dict)
    """The same file as it is."""
    refusal: str = ""
    """Why the edit cannot be written into the source."""

    @property
    def is_open(self) -> bool:
        """Whether it cannot be written because its place is not certain, which a look may tell."""
        return bool(UNCERTAIN.search(self.refusal))

    @property
    def name(self) -> str:
        """Of its edit, or of both: `standardise-inputs + scale-rate`."""
        return " + ".join(part.name for part in self.edit.parts)

    @property
    def details(self) -> str:
        """Its name and settings, such as `scale-rate factor=0.1`."""
        return " + ".join(map(_details, self.edit.parts))

    def treatment(self, shift: int) -> Treatment:
        """Of an arm with this remedy: the changed source, or else the edit of the live run.

        Args:
            shift: Number of the seed.
        """
        return Treatment(shift, self.sources, None if self.sources else self.edit)

    def patch(self, root: Path) -> str:
        """The change of the source for `git apply`; empty where there is none.

        Args:
            root: Paths in the patch are relative to this folder.
        """
        return "".join(
            difference(self.originals[path], text, Path(path).relative_to(root).as_posix())
            for path, text in self.sources.items()
        )


def candidates(
    program: Program,
    trace: Trace,
    findings: Iterable[Finding],
    *,
    auto: bool = False,
    seen: Noted | None = None,
) -> list[Candidate]:
    """What may help, the remedy of the most probable cause first; each edit once.

    Args:
        program: Whose sources are to be changed.
        trace: What was recorded of it.
        findings: Of this run; notes are left out.
        auto: Whether the commonest edits follow, which no finding asks for.
        seen: What runs where, if somebody has looked.
    """
    texts = dict(sources(program))
    edits = [*asked(trace, findings), *(for_nothing_found(trace) if auto else ())]
    found: list[Candidate] = []
    for finding, edit in edits:
        if all(edit != candidate.edit for candidate in found):
            found.append(written(finding, edit, texts, seen))
    lead = next(iter(alarms(findings)), UNDIAGNOSED if auto else None)
    if lead is None:
        return found
    sights = [written(lead, edit, texts, seen) for edit in for_sight(lead, trace)]
    known = [candidate.edit for candidate in found]
    new = [one for one in sights if one.sources and one.edit not in known]
    first = int(bool(found) and found[0].finding.rule not in SYMPTOMS)
    return [*found[:first], *new, *found[first:]]


RESCALED = ("standardise-inputs", "standardise-targets")
"""Edits after which everything behind has another scale than the one its rate was chosen for."""


def combined(
    first: Candidate,
    program: Program,
    trace: Trace,
    findings: Iterable[Finding],
    seen: Noted | None = None,
) -> Iterator[Candidate]:
    """What may help beside a remedy: it, and an edit of another kind for what is left wrong.

    Beside one that gives the data another scale that is the rate, in any case.

    Args:
        first: The remedy.
        program: Whose sources are to be changed.
        trace: What was recorded with the remedy.
        findings: Of that run; notes are left out.
        seen: As for `candidates`.

    Yields:
        Candidates for the finding of the first one, made in the same way.
    """
    texts, known = dict(sources(program)), {part.name for part in first.edit.parts}
    edits = [edit for _, edit in asked(trace, findings)]
    if not known.isdisjoint(RESCALED):
        edits.append(fitting_rate(trace))
    for edit in edits:
        if edit.name not in known:
            both = written(first.finding, Both(first.edit, edit), texts, seen)
            if bool(both.sources) == bool(first.sources):
                yield both


def asked(trace: Trace, findings: Iterable[Finding]) -> list[tuple[Finding, Edit]]:
    """The edits that the alarms of a run ask for, those of causes before those of what follows.

    Args:
        trace: What was recorded.
        findings: Of this run; notes are left out.
    """
    loud = alarms(findings)
    roots = [root for root, _ in grouped(loud)]
    return for_findings([*roots, *(one for one in loud if one not in roots)], trace)


def written(
    finding: Finding, edit: Edit, texts: Mapping[Path, str], seen: Noted | None = None
) -> Candidate:
    """A candidate whose edit is written into the one file in which it finds its place.

    Args:
        finding: Which asks for it.
        edit: What is to be changed.
        texts: The program's files; its script first.
        seen: What runs where decides if the texts alone do not.
    """
    results = {path: edit.rewrite(text) for path, text in texts.items()}
    changed = _changed(results, texts)
    if len(changed) != 1 and seen:
        results = {path: seen.rewritten(edit, str(path), text) for path, text in texts.items()}
        changed = _changed(results, texts) or changed
    if len(changed) == 1:
        (path,) = changed
        return Candidate(finding, edit, {str(path): changed[path]}, {str(path): texts[path]})
    return Candidate(finding, edit, refusal=_why_not(list(results.values()), len(changed)))


def _changed(results: Mapping[Path, str | Refusal], texts: Mapping[Path, str]) -> dict[Path, str]:
    return {p: r for p, r in results.items() if isinstance(r, str) and r != texts[p]}


def _why_not(results: Sequence[str | Refusal], changed: int) -> str:
    refused = [result.reason for result in results if isinstance(result, Refusal)]
    if changed:
        return f"{changed} files have a place for it"
    if not results:
        return "its source could not be read"
    return refused[0] if refused else "the source has it already"


def difference(before: str, after: str, name: str) -> str:
    """A unified diff of one file, as `git apply` takes it.

    Args:
        before: The text as it is.
        after: As it is to be.
        name: Of the file, relative to the root of the project.
    """
    old, new = _named(f"a/{name}"), _named(f"b/{name}")
    lines = difflib.unified_diff(_lines(before), _lines(after), old, new)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _lines(text: str) -> list[str]:
    """As git counts them: only a newline ends one."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _named(path: str) -> str:
    """As git writes it: quoted where a letter could be misread, and a tab ends what has blanks."""
    quoted = UNSAFE.sub(lambda match: f"\\{ord(match[0]) & 0xFF:03o}", path)
    if quoted != path:
        return f'"{quoted}"'
    return f"{path}\t" if " " in path else path


def _details(edit: Edit) -> str:
    given = {name: value for name, value in vars(edit).items() if value not in (None, "")}
    return " ".join((edit.name, *(f"{name}={_short(value)}" for name, value in given.items())))


def _short(value: object) -> str:
    if isinstance(value, tuple):
        further = f" and {len(value) - SHOWN} more" if len(value) > SHOWN else ""
        return ",".join(map(_short, value[:SHOWN])) + further
    return f"{value:g}" if isinstance(value, float) else str(getattr(value, "name", value))
