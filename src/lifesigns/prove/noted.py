"""Where the modules of a program are built and its functions called: seen while it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lifesigns._errors import LifesignsError
from lifesigns.prove.arm import Program, train
from lifesigns.prove.sandbox import Sandbox
from lifesigns.prove.sources import sources
from lifesigns.prove.treatment import PLACES, Treatment
from lifesigns.records import Trace
from lifesigns.remedies import Edit, Place, Places, Refusal

MORE = 4
"""Steps after the first one of the last loss."""


@dataclass(frozen=True)
class Noted:
    """What was seen of the program's files."""

    places: Places = field(default_factory=dict)
    """Those that are certain, by the names of sites and modules."""
    lines: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Numbers of the lines that ran, by file."""
    last: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Those that ran since the last optimizer began to step."""

    def __bool__(self) -> bool:
        return bool(self.lines)

    def rewritten(self, edit: Edit, path: str, text: str) -> str | Refusal:
        """What an edit makes of a file, with what was seen of it.

        Args:
            edit: That the text alone does not tell the place of.
            path: Of the file.
            text: Its text.
        """
        places = {name: each for name, each in self.places.items() if each.file == path}
        ran = [each.get(path, frozenset()) for each in (self.last, self.lines)]
        return edit.rewrite(text, places, ran)


def noted(program: Program, trace: Trace, *, timeout: float, has_network: bool = False) -> Noted:
    """Lets the first steps of a program run in a sandbox, and looks on.

    Args:
        program: A script, or a module in its folder.
        trace: What was recorded of it: from it is known when the last of its losses begins.
        timeout: Seconds.
        has_network: Whether it may use the network.

    Returns:
        Nothing where it does not come to train.

    Cost:
        The beginning of one training.
    """
    files = {str(path): str(path) for path, _ in sources(program)}
    if not files:
        return Noted()
    with Sandbox(program.script, program.folder, None, has_network) as sandbox:
        own = sandbox.own  # of the next command
        try:
            train(sandbox, program, Treatment(watched=files, steps=_enough(trace)), timeout=timeout)
            return _read(own / PLACES)
        except LifesignsError:
            return Noted()


def _enough(trace: Trace) -> int:
    """Steps after which each loss has been seen; several losses take turns, or follow."""
    first: dict[int, int] = {}
    for shot in trace.snapshots:
        first.setdefault(shot.stream, shot.step)
    return max(first.values(), default=0) + MORE


def _read(path: Path) -> Noted:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):  # it ended before, or in another way
        return Noted()
    places = {name: Place(**_with_shapes(kept)) for name, kept in found["places"].items()}
    return Noted(places, *map(_sets, (found["lines"], found["last"])))


def _sets(lines: dict[str, list[int]]) -> dict[str, frozenset[int]]:
    return {file: frozenset(numbers) for file, numbers in lines.items()}


def _with_shapes(kept: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in kept.items()}
