"""Finds the rules, runs them on a trace, and ranks what they found. The ranking is written once.

Findings of one cause are joined. Whether one finding explains another is declared by the rules
(`Rule.explains`, followed to its ends): an alarm explains what its rule leads to, at the same step
or later; a finding about the whole run at any step. What nothing explains is a root cause; what
is explained carries the rule of its root cause (`Finding.explained_by`).

The order of findings is the order in which to act on them: root causes, then what they explain,
then notes. Within that, causes lead and consequences follow, and among equals:

1. Errors before warnings.
2. What is proved (`certainty` starts with "exact" or "proved") before what is statistical.
3. Earlier in the run before later.
4. Nearer the origin of the damage: earlier in forward order before later.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import lifesigns.rules as package
from lifesigns._errors import LifesignsError, UsageError
from lifesigns.records import Finding, Severity, Trace
from lifesigns.rules._rule import FAMILIES, Rule
from lifesigns.rules._thinning import thinned

FAILED = "rule-failed"
"""Name of the note that stands for a rule that could not judge this trace."""

_URGENCY = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule of this package, in the order of the families and of their codes.

    Raises:
        LifesignsError: A rule's file is malformed; the message names file and line.
    """
    names = (m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))
    modules = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    families = list(FAMILIES)
    rules = sorted(map(_rule_of, modules), key=lambda r: (families.index(r.code[:3]), r.code))
    for rule, following in pairwise(rules):
        if rule.code == following.code:
            raise LifesignsError(
                f"rules {rule.name!r} and {following.name!r} share the code {rule.code}; "
                "give one of them a code that was never used."
            )
    return tuple(rules)


def find_rule(name_or_code: str) -> Rule:
    """The rule of this name or code, upper or lower case.

    Raises:
        UsageError: There is none; the message offers the nearest names.

    Example:
        >>> find_rule("act001").name
        'dead-units'
    """
    wanted = name_or_code.strip().lower().replace("_", "-")
    words = {word.lower(): rule for rule in all_rules() for word in (rule.name, rule.code)}
    if wanted in words:
        return words[wanted]
    near = sorted({words[w].name for w in get_close_matches(wanted, words, n=3, cutoff=0.5)})
    hint = f"Did you mean {' or '.join(near)}?" if near else "`lifesigns rules` lists them all."
    raise UsageError(f"There is no rule {name_or_code!r}. {hint}")


def judge(trace: Trace, rules: Sequence[Rule] | None = None) -> tuple[Finding, ...]:
    """What the rules conclude from a trace, most probable root cause first.

    A long trace is thinned first, see `_thinning`. A rule that raises does not lose the findings
    of the others: it becomes a note called `rule-failed` that says which one, and why.

    Cost: below a second for 10,000 snapshots of 100 sites (`benchmarks/judge.py`).

    Args:
        trace: A run, live, stored or hand-written.
        rules: The rules to ask; all of them by default.
    """
    rules = all_rules() if rules is None else rules
    judged = thinned(trace)
    found = [finding for rule in rules for finding in _ask(rule, judged)]
    return tuple(_joined(sorted(found, key=_urgency(judged)), rules))


def _ask(rule: Rule, trace: Trace) -> Iterable[Finding]:
    try:
        return tuple(rule.check(trace))
    except Exception as error:  # a rule's bug must not cost the user the other findings
        return (_failed(rule, error),)


def _failed(rule: Rule, error: Exception) -> Finding:
    return Finding(
        rule=FAILED,
        code=rule.code,
        severity=Severity.NOTE,
        symptom=f"the rule {rule.name} could not judge this run: {type(error).__name__}: {error}",
        site="",
        step=0,
        measured="an exception inside the rule",
        expected="a judgement",
        certainty="exact",
        why=f"This is a bug in lifesigns, not in your program. {rule.name} was not checked at all.",
        causes=("other",),
    )


def _urgency(trace: Trace) -> Callable[[Finding], tuple[int, bool, int, int]]:
    depth = _depths(trace)

    def key(finding: Finding) -> tuple[int, bool, int, int]:
        proved = finding.certainty.lower().startswith(("exact", "proved"))
        return _URGENCY[finding.severity], not proved, finding.step, depth.get(finding.site, -1)

    return key


def _depths(trace: Trace) -> dict[str, int]:
    """Position in forward order of every site and parameter."""
    depth: dict[str, int] = {}
    graphs = {id(snapshot.graph): snapshot.graph for snapshot in trace.snapshots}
    for graph in graphs.values():
        for index, site in enumerate(graph.sites):
            for name in (site.name, *site.parameters):
                depth.setdefault(name, index)
    return depth


def _joined(findings: Sequence[Finding], rules: Sequence[Rule]) -> list[Finding]:
    """The findings in the order in which causes lead, each naming the root cause that explains it.

    What has a cause of its own follows all that have none; notes come last.
    """
    explains = _explanation({rule.name: rule.explains for rule in rules})
    roots: dict[int, Finding] = {}
    joined: list[Finding] = []
    ordered = _causes_first(findings, explains)
    for number, finding in enumerate(ordered):
        cause = next((i for i in range(number) if explains(ordered[i], finding)), number)
        root = roots[number] = roots.get(cause, finding)
        joined.append(finding if root is finding else replace(finding, explained_by=root.rule))
    return sorted(joined, key=lambda f: (f.severity is Severity.NOTE, bool(f.explained_by)))


def _explanation(declared: Mapping[str, Iterable[str]]) -> Callable[[Finding, Finding], bool]:
    """Whether one finding explains another, by the declared relation followed to its ends."""
    consequences = {name: _reachable(name, declared) for name in declared}

    def explains(cause: Finding, symptom: Finding) -> bool:
        return (
            symptom.rule in consequences.get(cause.rule, ())
            and cause.severity is not Severity.NOTE
            and (cause.step <= symptom.step or not symptom.site)
        )

    return explains


def _reachable(start: str, edges: Mapping[str, Iterable[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        following = set(edges.get(waiting.pop(), ())) - found - {start}
        found |= following
        waiting += following
    return found


def _causes_first(
    findings: Sequence[Finding], explains: Callable[[Finding, Finding], bool]
) -> list[Finding]:
    """A stable order in which nothing precedes what explains it.

    A circle of explanations has no beginning: the most urgent of it leads.
    """
    waiting, ordered = list(findings), []
    while waiting:
        free = (f for f in waiting if not any(explains(o, f) for o in waiting if o is not f))
        first = next(free, waiting[0])
        waiting = [f for f in waiting if f is not first]
        ordered.append(first)
    return ordered


def _rule_of(module: ModuleType) -> Rule:
    rule = getattr(module, "RULE", None)
    if not isinstance(rule, Rule):
        raise _malformed(module, f"RULE is {type(rule).__name__}, not a Rule")
    if not re.fullmatch(r"[A-Z]{3}\d{3}", rule.code) or rule.code[:3] not in FAMILIES:
        raise _malformed(module, f"{rule.code!r} is no code of a known family and three digits")
    stem = module.__name__.rpartition(".")[2]
    if rule.name != stem.replace("_", "-"):
        raise _malformed(module, f"the rule is called {rule.name!r}, its file {stem!r}")
    return rule


def _malformed(module: ModuleType, reason: str) -> LifesignsError:
    path = Path(inspect.getfile(module))
    lines = path.read_text(encoding="utf-8").splitlines()
    line = next((i for i, text in enumerate(lines, 1) if text.startswith("RULE")), 1)
    return LifesignsError(f"{path}:{line}: {reason}.")
