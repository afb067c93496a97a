"""Which rules are asked, and where their findings do not count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from lifesigns._errors import UsageError
from lifesigns.evidence import Run
from lifesigns.records import EVERYTHING, Finding, Quantity, Trace
from lifesigns.records.names import plain
from lifesigns.rules._discovery import all_rules, find_rule
from lifesigns.rules._engine import judge
from lifesigns.rules._rule import FAMILIES


@dataclass(frozen=True)
class Judgement:
    """What was found, and what was found but not wanted."""

    findings: tuple[Finding, ...]
    ignored: Mapping[str, int] = field(default_factory=dict)
    """Number of findings that were left out, by rule: silence must not be taken for health."""


@dataclass(frozen=True)
class Selection:
    """Rules to ask and places to leave alone; names are checked when it is made by `of`."""

    select: frozenset[str] = frozenset()
    """Names of the rules asked; empty for all."""
    ignore: frozenset[str] = frozenset()
    """Names of rules not asked, whatever `select` says."""
    sites: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Rules whose findings do not count at sites that match a pattern, e.g. `encoder.*`."""

    @classmethod
    def of(
        cls,
        select: Iterable[str] = (),
        ignore: Iterable[str] = (),
        sites: Mapping[str, Iterable[str]] | None = None,
    ) -> Selection:
        """A selection from what a user writes: names, codes, or families such as `ACT`.

        Raises:
            UsageError: There is no such rule; the message offers the nearest names.
        """
        each = {pattern: _named(words) for pattern, words in (sites or {}).items()}
        return cls(_named(select), _named(ignore), each)

    @property
    def reads(self) -> frozenset[Quantity]:
        """What the rules that are asked need to be measured; everything if all are."""
        if not (self.select or self.ignore):
            return EVERYTHING
        return frozenset().union(*(r.reads for r in all_rules() if self._asks(r.name)))

    def judge(self, trace: Trace) -> Judgement:
        """What the rules of this selection conclude, and how much the others would have said."""
        if not (self.select or self.ignore or self.sites):
            return Judgement(judge(trace))
        asked = [rule for rule in all_rules() if self._asks(rule.name)]
        others = [rule for rule in all_rules() if not self._asks(rule.name)]
        run = Run.of(trace)
        found = judge(run, asked)
        patterns = self._patterns(trace)
        kept = [finding for finding in found if not _leaves_alone(patterns, finding)]
        left = [finding for finding in found if _leaves_alone(patterns, finding)]
        ignored = Counter(finding.rule for finding in (*left, *judge(run, others)))
        return Judgement(_still_explained(kept), dict(sorted(ignored.items())))

    def _asks(self, name: str) -> bool:
        return (not self.select or name in self.select) and name not in self.ignore

    def _patterns(self, trace: Trace) -> list[tuple[str, frozenset[str]]]:
        """Without the names of wrappers, which are no part of the names of places either."""
        is_own = _has_module(trace)
        return [
            (plain(pattern) if is_own else plain(pattern).removeprefix("module."), rules)
            for pattern, rules in self.sites.items()
        ]


def _has_module(trace: Trace) -> bool:
    """Whether a network has a part of its own called `module`, as DDP calls what it wraps."""
    sites = trace.snapshots[0].graph.sites if trace.snapshots else ()
    return any(site.module.partition(".")[0] == "module" for site in sites)


def _leaves_alone(patterns: Iterable[tuple[str, frozenset[str]]], finding: Finding) -> bool:
    site = plain(finding.site)
    return any(finding.rule in rules and fnmatchcase(site, pattern) for pattern, rules in patterns)


def _still_explained(findings: list[Finding]) -> tuple[Finding, ...]:
    """A finding whose root cause was left out stands for itself."""
    names = {finding.rule for finding in findings}
    return tuple(
        finding if finding.explained_by in names else replace(finding, explained_by="")
        for finding in findings
    )


def _named(words: Iterable[str]) -> frozenset[str]:
    given = words.split(",") if isinstance(words, str) else words
    each: list[object] = list(given) if isinstance(given, Iterable) else [given]
    return frozenset(name for word in each for name in _names(word))


def _names(word: object) -> list[str]:
    if not isinstance(word, str):
        raise UsageError(f"{word!r} names no rule: expected text such as 'dead-units' or 'OPT'")
    family = word.strip().upper()
    if family in FAMILIES:
        return [rule.name for rule in all_rules() if rule.code.startswith(family)]
    return [find_rule(word).name]
