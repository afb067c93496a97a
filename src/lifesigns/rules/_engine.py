"""Runs the rules on a trace and ranks what they found. The ranking is written once.

Findings of one cause are joined. Whether one finding explains another is declared by the rules
(`Rule.explains`, followed to its ends): an alarm explains what its rule leads to, at the same step
or later; a finding about the whole run at any step. What nothing explains is a root cause; what
is explained carries the rule of its root cause (`Finding.explained_by`).

The order of findings is the order in which to act on them: root causes, then what they explain,
then notes. Within that, causes lead and consequences follow, and among equals:

1. Errors before warnings; a root cause is as urgent as the gravest finding it explains.
2. What is proved (`certainty` starts with "exact" or "proved") before what is statistical.
3. Earlier in the run before later.
4. Nearer the origin of the damage: the input, then forward order, then the run as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from math import inf

import numpy as np

from lifesigns.evidence import Run
from lifesigns.records import Finding, Severity, Trace
from lifesigns.rules._discovery import others_and_problems, rules_and_problems
from lifesigns.rules._rule import Rule

FAILED = "rule-failed"
"""Name of the note that stands for a rule that could not judge this trace."""

_URGENCY = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


def judge(trace: Trace | Run, rules: Sequence[Rule] | None = None) -> tuple[Finding, ...]:
    """What the rules conclude from a trace, most probable root cause first.

    Rules that need what was left out when the run was recorded (`Coverage.unmeasured`) are silent.
    A long trace is thinned first, see `lifesigns.evidence.thinning`. A rule that raises does not
    lose the findings of the others: it becomes a note called `rule-failed` that says which one, and
    why. Our own are not imported, which takes a fifth of a second, for a trace that is blank.

    Cost: below a second for 10,000 snapshots of 100 sites (`benchmarks/judge.py`).

    Args:
        trace: A run, live, stored or hand-written, or the view of one.
        rules: The rules to ask; all of them by default.
    """
    run = trace if isinstance(trace, Run) else Run.of(trace)
    found_rules = others_and_problems if run.trace.is_blank else rules_and_problems
    rules, problems = found_rules() if rules is None else (rules, ())
    found = [finding for rule in rules for finding in _ask(rule, run)]
    found += map(_not_loaded, problems)
    return tuple(_joined(sorted(found, key=_urgency(run.trace)), rules))


def _ask(rule: Rule, run: Run) -> Iterable[Finding]:
    if rule.reads & run.unmeasured:  # what is absent would be taken for what is not there
        return ()
    try:
        with np.errstate(all="ignore"):  # of numbers near the largest one: what the user reads is
            return tuple(rule.judge(run))  # a finding, no warning of NumPy among the run's output
    except Exception as error:  # a rule's bug must not cost the user the other findings
        return (_failed(rule, error),)


def _failed(rule: Rule, error: Exception) -> Finding:
    return _unjudged(
        rule.code,
        f"the rule {rule.name} could not judge this run: {type(error).__name__}: {error}",
        measured="an exception inside the rule",
        why=f"This is a bug of the rule, not of your program. {rule.name} was not checked at all.",
    )


def _not_loaded(problem: str) -> Finding:
    return _unjudged(
        "",
        problem,
        measured="an installed distribution whose rule cannot be used",
        why="Other distributions may add rules, and this one is broken. All other rules judged.",
    )


def _unjudged(code: str, symptom: str, *, measured: str, why: str) -> Finding:
    return Finding(
        rule=FAILED,
        code=code,
        severity=Severity.NOTE,
        symptom=symptom,
        site="",
        step=0,
        measured=measured,
        expected="a judgement",
        certainty="exact",
        why=why,
        causes=("other",),
    )


def _urgency(trace: Trace) -> Callable[[Finding], tuple[int, bool, int, float]]:
    depth = _depths(trace)

    def key(finding: Finding) -> tuple[int, bool, int, float]:
        proved = finding.certainty.lower().startswith(("exact", "proved"))
        place = depth.get(finding.site, -1) if finding.site else inf
        return _URGENCY[finding.severity], not proved, finding.step, place

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

    What has a cause of its own follows all that have none; notes come last. A root cause is as
    urgent as the gravest finding it explains.
    """
    explains = _explanation({rule.name: rule.explains for rule in rules})
    ordered = _causes_first(findings, explains)
    roots: list[int] = []
    for number, finding in enumerate(ordered):
        cause = next((i for i in range(number) if explains(ordered[i], finding)), number)
        roots.append(number if cause == number else roots[cause])
    gravest = {root: len(_URGENCY) for root in roots}
    for root, finding in zip(roots, ordered, strict=True):
        gravest[root] = min(gravest[root], _URGENCY[finding.severity])

    def place(number: int) -> tuple[bool, bool, int]:
        explained = roots[number] != number
        note = ordered[number].severity is Severity.NOTE
        return note, explained, 0 if explained else gravest[number]

    return [
        ordered[i] if roots[i] == i else replace(ordered[i], explained_by=ordered[roots[i]].rule)
        for i in sorted(range(len(ordered)), key=place)
    ]


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
