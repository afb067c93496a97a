"""Finds the topics, and what a name given to `lifesigns explain` means."""

from __future__ import annotations

import importlib
import pkgutil
from difflib import get_close_matches
from functools import cache
from types import ModuleType

from rich.console import Console
from rich.text import Text

import lifesigns.claims.topics as package
from lifesigns._errors import LifesignsError, UsageError
from lifesigns.claims.topics._topic import Topic
from lifesigns.locale.spoken import said
from lifesigns.report.language import Language
from lifesigns.report.tables import print_described
from lifesigns.report.terminal import prose, write
from lifesigns.rules import Rule, all_rules


@cache
def all_topics() -> tuple[Topic, ...]:
    """Every topic, by name.

    Raises:
        LifesignsError: A module has no `TOPIC`, or one of another name.
    """
    stems = sorted(m.name for m in pkgutil.iter_modules(package.__path__))
    modules = (f"{package.__name__}.{stem}" for stem in stems if not stem.startswith("_"))
    return tuple(_topic_of(importlib.import_module(module)) for module in modules)


def find(name: str, *, needs_topic: bool = False) -> tuple[Topic | None, Rule | None]:
    """The topic and the rule of this name or code; at least one of them is there.

    Args:
        name: Capitals do not matter, and `_` counts as `-`.
        needs_topic: Whether a rule alone is not enough.

    Raises:
        UsageError: There is neither, or no topic although one is needed.
    """
    wanted = name.strip().lower().replace("_", "-")
    topics = {topic.name: topic for topic in all_topics()}
    rules = {word.lower(): rule for rule in all_rules() for word in (rule.name, rule.code)}
    topic, rule = topics.get(wanted), rules.get(wanted)
    if topic is None and rule is not None and needs_topic:
        raise UsageError(f"Only topics are written as HTML: {', '.join(topics)}.")
    if topic is None and rule is None:
        raise UsageError(f"There is no rule or topic {name!r}. {_hint(wanted, topics, rules)}")
    return topic, rule


def print_list(console: Console) -> None:
    """Prints every topic, and how to list the rules.

    Args:
        console: Where it is printed.
    """
    pairs = [(topic.name, topic.words(Language.spoken()).title) for topic in all_topics()]
    more = (
        "lifesigns explain TOPIC shows its page, with --lang zh in Chinese.",
        "lifesigns rules lists the rules, which have pages too.",
    )

    def show() -> None:
        print_described(console, pairs)
        console.print()
        for line in more:
            console.print(Text(prose(console, said(line)).plain, "dim"))

    write(console, show)


def _hint(wanted: str, topics: dict[str, Topic], rules: dict[str, Rule]) -> str:
    near = get_close_matches(wanted, [*topics, *rules], n=3, cutoff=0.5)
    names = list(dict.fromkeys(rules[word].name if word in rules else word for word in near))
    near_ones = f"Did you mean {' or '.join(names)}? " if names else ""
    return f"{near_ones}Topics: {', '.join(topics)}. `lifesigns rules` lists the rules."


def _topic_of(module: ModuleType) -> Topic:
    topic, stem = getattr(module, "TOPIC", None), module.__name__.rpartition(".")[2]
    if not isinstance(topic, Topic) or topic.name != stem.replace("_", "-"):
        raise LifesignsError(f"{module.__file__}:1: a TOPIC named after the file is needed.")
    return topic
