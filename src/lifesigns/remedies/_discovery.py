"""Finds the edits of this package by a walk over its files: each has a module-level `MANUAL`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from pathlib import Path
from types import ModuleType

import lifesigns.remedies as package
from lifesigns._errors import LifesignsError, UsageError
from lifesigns.remedies._edit import Manual

NO_EDITS = ("testing",)


@cache
def all_manuals() -> tuple[Manual, ...]:
    """Every edit's manual, by name.

    Raises:
        LifesignsError: A file is malformed; the message names it.
    """
    names = [each.name for each in pkgutil.iter_modules(package.__path__)]
    public = [name for name in names if not name.startswith("_") and name not in NO_EDITS]
    modules = (importlib.import_module(f"{package.__name__}.{name}") for name in sorted(public))
    return tuple(manual_of(module) for module in modules)


def find_manual(name: str) -> Manual:
    """The manual of an edit.

    Args:
        name: Such as `scale-rate`.

    Raises:
        UsageError: There is none of this name.
    """
    found = next((each for each in all_manuals() if each.name == name), None)
    if found is None:
        names = ", ".join(each.name for each in all_manuals())
        raise UsageError(f"There is no edit {name!r}. There are: {names}.")
    return found


def manual_of(module: ModuleType) -> Manual:
    """The manual in a module.

    Args:
        module: One of this package.

    Raises:
        LifesignsError: It has none, or one of another name.
    """
    manual = getattr(module, "MANUAL", None)
    path = Path(inspect.getfile(module))
    if not isinstance(manual, Manual):
        raise LifesignsError(f"{path}:1: MANUAL is {type(manual).__name__}, not a Manual.")
    if manual.name != path.stem.replace("_", "-"):
        raise LifesignsError(
            f"{path}:1: the edit is called {manual.name!r}, its file {path.stem!r}."
        )
    return manual
