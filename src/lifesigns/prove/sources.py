"""The files of a program that an edit may be written into, found by what imports what."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from lifesigns.prove.arm import Program
from lifesigns.prove.places import project

MOST_FILES = 50
"""Files of a project in which a place is looked for."""


def sources(program: Program) -> Iterator[tuple[Path, str]]:
    """The script and the modules of its project that it imports, the script first.

    Args:
        program: A script, or a module in its folder.
    """
    folder = program.folder.resolve()
    home = folder if program.script is None else program.script.resolve().parent
    tree = project(program.script, folder)
    waiting = [*_begin(program)]
    seen: set[Path] = set()
    while waiting and len(seen) < MOST_FILES:
        path = waiting.pop(0)
        if path in seen or not path.is_relative_to(tree):
            continue
        seen.add(path)
        try:
            text = path.read_bytes().decode("utf-8")
            module = ast.parse(text)
        except (OSError, ValueError, SyntaxError):
            continue
        yield path, text
        waiting += [near for place in _imported(module, path, home) for near in _modules(*place)]


def _begin(program: Program) -> Iterator[Path]:
    if program.script is not None:
        yield program.script.resolve()
        return
    for name in (f"{program.target}.__main__", program.target):
        yield from _modules(program.folder, name)


def _imported(module: ast.Module, path: Path, home: Path) -> Iterator[tuple[Path, str]]:
    """Each name that a module imports, with the folder in which it is looked for."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((home, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = [home, *path.parents]
            folder = above[min(node.level, len(above) - 1)]
            names = (".".join(filter(None, (node.module, alias.name))) for alias in node.names)
            yield from ((folder, name) for name in filter(None, (node.module, *names)))


def _modules(folder: Path, name: str) -> Iterator[Path]:
    place = folder.joinpath(*name.split("."))
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.is_file():
            yield path.resolve()
