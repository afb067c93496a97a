"""Lessons: one TOML file each in `lessons/`, found by a walk; a malformed one fails with its line.

A lesson is a sentence of the textbook to be seen by oneself: what to read, what to guess, the
setting that is run, the numbers that are taken of the run, and what must be true of them for the
sentence to hold. The page and the tests judge by the same file. docs/play.md describes the form.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib import resources
from typing import Any

from lifesigns._errors import LifesignsError, UsageError
from lifesigns.report.page.linker import exports

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LANGUAGES = ("en", "zh")
TEXTS = ("title", "sentence", "text", "guess", "happened")
"""What a reader reads, each in both languages."""
KEYS = {*TEXTS, "order", "claims", "options", "setting", "other", "steps", "look", "numbers",
        "holds", "finding", "free"}  # fmt: skip
RELATIONS = ("above", "below", "between", "equals")


class LessonError(LifesignsError):
    """A lesson's file is not what a lesson is; the message names file and line."""


@functools.cache
def lessons() -> tuple[Mapping[str, Any], ...]:
    """All lessons in their order, each with its `name`, as plain values.

    Raises:
        LessonError: A file is malformed.
    """
    folder = resources.files("lifesigns.play").joinpath("lessons")
    files = [file for file in folder.iterdir() if file.name.endswith(".toml")]
    found = [parsed(file.name, file.read_text(encoding="utf-8")) for file in files]
    return tuple(sorted(found, key=lambda lesson: (lesson["order"], lesson["name"])))


def find(name: str) -> Mapping[str, Any]:
    """The lesson of a name.

    Args:
        name: Such as `zero-start`.

    Raises:
        UsageError: There is none; the message offers the nearest names.
    """
    names = [lesson["name"] for lesson in lessons()]
    if name not in names:
        near = get_close_matches(name, names, n=3)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(names)}."
        raise UsageError(f"There is no lesson {name!r}. {hint}")
    return lessons()[names.index(name)]


def parsed(file: str, text: str) -> Mapping[str, Any]:
    """A lesson from the text of its file.

    Args:
        file: Its name, for messages and, without its ending, as the lesson's name.
        text: TOML.

    Raises:
        LessonError: It is malformed.

    Example:
        >>> parsed("a.toml", "order = 1")
        Traceback (most recent call last):
        ...
        lifesigns.play.lesson.LessonError: lessons/a.toml:1: the lesson has no title.
    """
    try:
        lesson = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise LessonError(f"lessons/{file}:{line[1] if line else 1}: {error}.") from None
    for problem, word in _problems(lesson):
        raise LessonError(f"lessons/{file}:{_line(text, word)}: {problem}.")
    return {"name": file.removesuffix(".toml"), **lesson}


def _problems(lesson: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """What is wrong, with a word that stands in the line."""
    for key in sorted(set(lesson) - KEYS):
        yield f"a lesson has no {key!r}; it has {', '.join(sorted(KEYS))}", key
    for key in (*TEXTS, "order", "claims", "options", "steps", "numbers", "holds"):
        if key not in lesson:
            yield f"the lesson has no {key}", ""
    for key in TEXTS:
        for language in LANGUAGES:
            if not lesson[key].get(language):
                yield f"{key} has no text in {language!r}", f"[{key}]"
    yield from _wrong_options(lesson["options"])
    yield from _wrong_numbers(lesson)
    if len(lesson.get("other", {})) > 1:
        yield "the other network differs in more than one control", "[other]"


def _wrong_options(options: list[Mapping[str, Any]]) -> Iterable[tuple[str, str]]:
    if sum(option.get("right", False) for option in options) != 1:
        yield "exactly one of the options is right", "[[options]]"
    for option in options:
        for language in LANGUAGES:
            if not option.get(language):
                yield f"an option has no text in {language!r}", "[[options]]"


def _wrong_numbers(lesson: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    known = measures()
    for name, number in lesson["numbers"].items():
        if number.get("what") not in known:
            yield (
                f"{name} measures {number.get('what')!r}; what can be measured is "
                f"{', '.join(sorted(known))}",
                f"{name} =",
            )
    for condition in lesson["holds"]:
        if condition.get("number") not in lesson["numbers"]:
            yield (
                f"it holds for {condition.get('number')!r}, which is none of its numbers",
                "[[holds]]",
            )
        if sum(relation in condition for relation in RELATIONS) != 1:
            yield f"a condition says one of {', '.join(RELATIONS)}", "[[holds]]"
    for language in LANGUAGES:
        for name in re.findall(r"\{(\w+)\}", lesson["happened"][language]):
            if name not in lesson["numbers"]:
                yield f"what happened names {{{name}}}, which is none of its numbers", f"{{{name}}}"


@functools.cache
def measures() -> frozenset[str]:
    """What a lesson can measure: the functions of `page/measures.js`."""
    source = resources.files("lifesigns.play").joinpath("page").joinpath("measures.js")
    return frozenset(exports(source.read_text(encoding="utf-8")))


def _line(text: str, word: str) -> int:
    """The first line that says a word; 1 where none does."""
    lines = text.splitlines()
    return next((i for i, line in enumerate(lines, 1) if word and word in line), 1)
