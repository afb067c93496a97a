"""Settings of a project: the table `[tool.lifesigns]` in its `pyproject.toml`.

    [tool.lifesigns]
    ignore = ["constant-features"]
    budget = 0.02

    [tool.lifesigns.per-site-ignores]
    "encoder.*" = ["dead-units"]

The command line goes before the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from lifesigns._errors import UsageError, cut, shown
from lifesigns._files import IS_FOLDER, NOT_ALLOWED, read_toml, why_unreadable
from lifesigns.rules import Selection

MOST_STEPS = 2**63 - 1
"""What a step number can be: it is stored in 64 bits."""
KEYS = ("select", "ignore", "budget", "every", "per-site-ignores")


@dataclass(frozen=True)
class Settings:
    """What a project's file says; None and empty where it says nothing."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    budget: float | None = None
    every: int | None = None
    sites: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    file: Path | None = field(default=None, compare=False)
    """Where they stand."""

    def selection(self, select: Iterable[str] | None, ignore: Iterable[str] | None) -> Selection:
        """The rules that are asked, with what the caller gives put over the file, each for itself.

        Args:
            select: Rules to ask; None leaves it to the file.
            ignore: Rules not to ask; likewise.

        Raises:
            UsageError: There is no such rule; the message offers the nearest names, and says in
                which file it stands.
        """
        given = Selection.of(() if select is None else select, () if ignore is None else ignore)
        try:
            own = Selection.of(
                self.select if select is None else (),
                self.ignore if ignore is None else (),
                self.sites,
            )
        except UsageError as error:
            raise UsageError(f"{self.file}, [tool.lifesigns]: {error}") from None
        return Selection(own.select | given.select, own.ignore | given.ignore, own.sites)


def load_settings(start: Path) -> Settings:
    """The settings for a script: those of the nearest `pyproject.toml` at or above its folder.

    Args:
        start: A script, or a folder.

    Raises:
        UsageError: The file is no TOML, or holds an unknown key or a value of the wrong kind.
    """
    for place in _folders(start):
        file = place / "pyproject.toml"
        if why_unreadable(file) in ("", NOT_ALLOWED):
            return _read(file)
    return Settings()


def _folders(start: Path) -> tuple[Path, ...]:
    """The folder of a script, or the one given, and all above it; none if it leads nowhere."""
    try:
        place = start.resolve()
    except (OSError, RuntimeError, ValueError):  # a circle of links, a NUL character
        return ()
    return (place, *place.parents) if why_unreadable(place) == IS_FOLDER else tuple(place.parents)


def _read(file: Path) -> Settings:
    table: Any = read_toml(file)
    for name in ("tool", "lifesigns"):
        table = table.get(name, {})
        if not isinstance(table, dict):
            raise UsageError(
                f"{file}: {name} is {shown(table)}; a table is expected. "
                "Settings of lifesigns stand under the line [tool.lifesigns]."
            )
    for key in table:
        if key not in KEYS:
            near = get_close_matches(key, KEYS, n=1, cutoff=0.4)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(KEYS)}."
            raise UsageError(f"{file}: [tool.lifesigns] has no setting {shown(key)}. {hint}")
    return Settings(
        select=_words(file, "select", table.get("select", [])),
        ignore=_words(file, "ignore", table.get("ignore", [])),
        budget=_budget(file, table.get("budget")),
        every=_every(file, table.get("every")),
        sites=_sites(file, table.get("per-site-ignores", {})),
        file=file,
    )


def _words(file: Path, key: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return tuple(value)
    raise _wrong(file, key, value, 'a list of rules such as ["dead-units", "OPT"]')


def _budget(file: Path, value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is None or (number and 0 < value <= 1):
        return None if value is None else float(value)
    raise _wrong(file, "budget", value, "a share of the training time such as 0.01")


def _every(file: Path, value: Any) -> int | None:
    if value is None or (
        isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST_STEPS
    ):
        return value
    raise _wrong(file, "every", value, "a whole number from 1 on")


def _sites(file: Path, value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise _wrong(
            file, "per-site-ignores", value, 'a table such as "encoder.*" = ["dead-units"]'
        )
    return {pattern: _words(file, pattern, rules) for pattern, rules in value.items()}


def _wrong(file: Path, key: str, value: Any, expected: str) -> UsageError:
    return UsageError(
        f"{file}: [tool.lifesigns] {cut(key)} = {shown(value)}; {expected} is expected."
    )
