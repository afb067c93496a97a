"""Finds the rules: those of this package by a walk over its files, others by entry points.

Another distribution adds rules through entry points of the group `lifesigns.rules`, each of which
names a `Rule`, or a module with a `RULE`:

    [project.entry-points."lifesigns.rules"]
    my-symptom = "my_package.my_symptom"

Its rules may use families of their own. One that cannot be loaded costs nobody the others: it
stays among the `problems` and is reported. A code or name that is there twice is an error, for
nobody could tell which of the two is meant.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

import lifesigns.rules as package
from lifesigns._errors import LifesignsError, UsageError
from lifesigns.rules._rule import FAMILIES, Rule

GROUP = "lifesigns.rules"
"""Of the entry points by which other distributions add rules."""


@dataclass(frozen=True)
class _Found:
    rules: tuple[Rule, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Others:
    rules: Mapping[str, Rule]
    """By where each comes from."""
    problems: tuple[str, ...]


def all_rules() -> tuple[Rule, ...]:
    """Every rule, in the order of the families and of their codes.

    Raises:
        LifesignsError: A rule's file is malformed, or two rules share a code or a name.
    """
    return _discovered().rules


def built_in_rules() -> tuple[Rule, ...]:
    """The rules of this package alone, in the same order.

    Raises:
        LifesignsError: A rule's file is malformed; the message names file and line.
    """
    return tuple(_in_order(_built_in().values()))


def rules_and_problems() -> tuple[tuple[Rule, ...], tuple[str, ...]]:
    """All rules that can be used, and in sentences why others cannot; never an exception.

    If a distribution's rule clashes with another one, the rules of this package are left.
    """
    try:
        found = _discovered()
    except LifesignsError as error:
        return built_in_rules(), (str(error),)
    return found.rules, found.problems


def others_and_problems() -> tuple[tuple[Rule, ...], tuple[str, ...]]:
    """As `rules_and_problems`, of other distributions alone: ours are not even imported."""
    found = _others()
    return tuple(_in_order(found.rules.values())), found.problems


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
    near = list(
        dict.fromkeys(words[w].name for w in get_close_matches(wanted, words, n=3, cutoff=0.5))
    )
    hint = f"Did you mean {' or '.join(near)}?" if near else "`lifesigns rules` lists them all."
    raise UsageError(f"There is no rule {name_or_code!r}. {hint}")


@cache
def _discovered() -> _Found:
    others = _others()
    rules = {**_built_in(), **others.rules}
    _refuse_duplicates(rules)
    return _Found(tuple(_in_order(rules.values())), others.problems)


@cache
def _others() -> _Others:
    rules: dict[str, Rule] = {}
    problems: list[str] = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        loaded = _loaded(point)
        if isinstance(loaded, Rule):
            rules[_origin(point)] = loaded
        else:
            problems.append(loaded)
    return _Others(rules, tuple(problems))


def _built_in() -> dict[str, Rule]:
    """The rules of this package by the names of their modules."""
    families = (each.name for each in pkgutil.iter_modules(package.__path__) if each.ispkg)
    packages = (importlib.import_module(f"{package.__name__}.{name}") for name in families)
    modules = [
        importlib.import_module(f"{family.__name__}.{each.name}")
        for family in packages
        for each in pkgutil.iter_modules(family.__path__)
    ]
    found = {module.__name__: rule_of(module) for module in modules}
    _refuse_duplicates(found)
    return found


def _in_order(rules: Iterable[Rule]) -> list[Rule]:
    families = list(FAMILIES)

    def key(rule: Rule) -> tuple[int, str]:
        known = rule.family in families
        return families.index(rule.family) if known else len(families), rule.code

    return sorted(rules, key=key)


def _refuse_duplicates(rules: dict[str, Rule]) -> None:
    owners: dict[str, str] = {}
    for origin, rule in rules.items():
        for word in (rule.code, rule.name):
            if word in owners:
                raise LifesignsError(
                    f"{owners[word]} and {origin} both define {word}. Give one of them a code and "
                    "a name that were never used, or uninstall one."
                )
            owners[word] = origin


def rule_of(module: ModuleType) -> Rule:
    """The rule of one of this package's modules.

    Raises:
        LifesignsError: It has none, or code, name and file do not fit; names file and line.
    """
    rule = getattr(module, "RULE", None)
    if not isinstance(rule, Rule):
        raise _malformed(module, f"RULE is {type(rule).__name__}, not a Rule")
    if not re.fullmatch(r"[A-Z]{3}\d{3}", rule.code) or rule.family not in FAMILIES:
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


def _origin(point: EntryPoint) -> str:
    owner = f" of {point.dist.name} {point.dist.version}" if point.dist else ""
    return f"the rule {point.name!r} ({point.value}){owner}"


def _loaded(point: EntryPoint) -> Rule | str:
    """The rule, or in a sentence why there is none."""
    try:
        return _checked(point)
    except Exception as error:  # whatever another distribution does on import
        return f"{_origin(point)} could not be loaded: {type(error).__name__}: {error}"


def _checked(point: EntryPoint) -> Rule:
    loaded = point.load()
    rule = getattr(loaded, "RULE", None) if isinstance(loaded, ModuleType) else loaded
    if not isinstance(rule, Rule):
        raise TypeError(f"it names {type(rule).__name__}, neither a Rule nor a module with a RULE")
    if not re.fullmatch(r"[A-Z]{3}\d{3}", rule.code):
        raise ValueError(f"{rule.code!r} is no code of three capital letters and three digits")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name):
        raise ValueError(f"{rule.name!r} is no name in lower case with hyphens")
    return rule
