"""One report on a training of several processes: where a finding holds, where they differ."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any

from lifesigns.locale.spoken import ENGLISH, said_in, spoken, why_not_shown
from lifesigns.records import Finding, Severity, Trace
from lifesigns.records.merging import merged
from lifesigns.report import as_json, terminal
from lifesigns.report._report import Report
from lifesigns.report.ranks_apart import apart
from lifesigns.rules import Selection

Place = tuple[str, str]
"""Rule and site of a finding."""


@dataclass(frozen=True)
class Part:
    """What one of the processes has seen."""

    trace: Trace
    findings: tuple[Finding, ...]
    """What it concluded alone."""
    remark: str = ""
    """Why this may not be all of it, such as "was still training"; empty if it is."""


@dataclass(frozen=True, repr=False)
class Joined:
    """The report on what all processes saw together, with what each saw alone.

    Findings are those of the merged run, and those of single processes that it does not show. One
    that does not hold on every process alone says in its symptom on which.
    """

    report: Report
    world: int
    """How many processes trained."""
    heard: tuple[int, ...]
    """Those whose run is part of this report."""
    ranks: Mapping[Place, tuple[int, ...]]
    """Where each finding holds alone; empty for what only all together show."""
    missing: Mapping[int, str]
    """Why nothing, or not all, of a process is part of it."""
    differences: tuple[str, ...]
    """Where the processes differ, in sentences."""
    spread: bool = False
    """Whether the processes hold parts of parameters."""

    @classmethod
    def of(
        cls,
        parts: Mapping[int, Part],
        world: int,
        selection: Selection,
        missing: Mapping[int, str] | None = None,
    ) -> Joined:
        """Joins what was heard of the processes.

        Args:
            parts: By number of the process; at least one.
            world: How many processes trained.
            selection: Which rules are asked of all together.
            missing: Why nothing was heard of others.
        """
        heard = tuple(sorted(parts))
        trace = merged([parts[n].trace for n in heard], whole=len(heard) == world)
        together = Report.of(trace, selection)
        ranks = _ranks(together.findings, {number: parts[number].findings for number in heard})
        findings = [*together.findings, *_alone(parts, heard, together.findings)]
        said = [_with_ranks(f, ranks[f.rule, f.site], heard, world) for f in findings]
        said.sort(key=_group)
        remarks = {number: parts[number].remark for number in heard if parts[number].remark}
        return cls(
            replace(together, findings=tuple(said)),
            world,
            heard,
            ranks,
            {**remarks, **(missing or {})},
            tuple(apart({number: parts[number].trace for number in heard})),
            any(p.shards > 1 for s in parts[heard[0]].trace.snapshots[:1] for p in s.parameters),
        )

    @property
    def ok(self) -> bool:
        """Whether nothing alarming was found on any process; notes are no alarm."""
        return self.report.ok

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of all together, and those of single processes."""
        return self.report.findings

    @property
    def trace(self) -> Trace:
        """The merged run."""
        return self.report.trace

    def print(self, file: IO[str] | None = None) -> None:
        """Prints the report as text, with a part on the processes.

        Args:
            file: Where to; standard error by default.
        """
        file = sys.stderr if file is None else file
        if file is None:
            return
        self.report.print(file)
        console = terminal.console_for(file)
        language = ENGLISH if why_not_shown(file, {}) else spoken()
        said = [said_in(language, line, "report") for line in ("ranks", *self.lines())]
        lines = [(said[0] if at == 1 else "", line) for at, line in enumerate(said) if at]
        terminal.write(console, lambda: console.print(terminal.rows(console, *lines)))
        print(file=file)

    def lines(self) -> Iterator[str]:
        """What is to be said of the processes."""
        verb = "is" if len(self.heard) == 1 else "are"
        whole = len(self.heard) == self.world
        yield f"{_listed(self.heard)} of {self.world}{'' if whole else f' {verb} in this report'}"
        for why in dict.fromkeys(self.missing.values()):
            yield f"{_listed([n for n, reason in self.missing.items() if reason == why])} {why}"
        if self.spread:
            yield "parameters are sharded: they are judged with the parts of these ranks together"
        yield from self.differences
        if self.differences:
            return
        if len(self.heard) > 1:
            yield "they do not differ in weights, outcome, batches or layers"

    def json_text(self) -> str:
        """The report as JSON, with an object `ranks`; docs/report-schema.md says what is where."""
        return as_json.to_text(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        holds = [
            {"rule": rule, "site": site, "ranks": list(numbers)}
            for (rule, site), numbers in self.ranks.items()
        ]
        return {
            **self.report.to_json(),
            "ranks": {
                "world": self.world,
                "joined": list(self.heard),
                "missing": {str(number): why for number, why in sorted(self.missing.items())},
                "findings": holds,
                "differences": list(self.differences),
            },
        }

    def sarif_text(self) -> str:
        """The report as SARIF 2.1.0."""
        return self.report.sarif_text()

    def html(self) -> str:
        """The report on all together as a page."""
        return self.report.html()


def _ranks(
    together: Iterable[Finding], alone: Mapping[int, Sequence[Finding]]
) -> dict[Place, tuple[int, ...]]:
    ranks: dict[Place, tuple[int, ...]] = {(f.rule, f.site): () for f in together}
    for number, findings in alone.items():
        for place in dict.fromkeys((f.rule, f.site) for f in findings):
            ranks[place] = (*ranks.get(place, ()), number)
    return ranks


def _alone(
    parts: Mapping[int, Part], heard: Sequence[int], together: Iterable[Finding]
) -> Iterator[Finding]:
    """What single processes found and all together do not show, as the first of them says it."""
    known = {(f.rule, f.site) for f in together}
    for number in heard:
        for finding in parts[number].findings:
            if (finding.rule, finding.site) not in known:
                known.add((finding.rule, finding.site))
                yield finding


def _group(finding: Finding) -> int:
    """Root causes come first, then what they explain, then notes, as in every report."""
    return 2 if finding.severity is Severity.NOTE else bool(finding.explained_by)


def _with_ranks(
    finding: Finding, ranks: Sequence[int], heard: Sequence[int], world: int
) -> Finding:
    if len(heard) < 2 or tuple(ranks) == tuple(heard):
        return finding
    where = f"on {_listed(ranks)} of {world}" if ranks else "in what all ranks saw together"
    return replace(finding, symptom=f"{where}: {finding.symptom}")


def _listed(ranks: Sequence[int]) -> str:
    """`rank 1`, `ranks 0 and 3`, `ranks 0 to 7`."""
    if len(ranks) == 1:
        return f"rank {ranks[0]}"
    if len(ranks) > 2 and ranks[-1] - ranks[0] == len(ranks) - 1:
        return f"ranks {ranks[0]} to {ranks[-1]}"
    return f"ranks {', '.join(map(str, ranks[:-1]))} and {ranks[-1]}"
