"""The process of a treated arm takes its treatment here, and is `lifesigns run` from then on."""

from __future__ import annotations

import atexit
import os
import pickle
import sys
from importlib import import_module
from pathlib import Path

from lifesigns.prove.layers import MOUNTS, is_within, mounts
from lifesigns.prove.treatment import ANSWER, MADE, Treatment

IMPORTED = ("lifesigns.cli", "lifesigns.commands.run", "lifesigns.watch", "lifesigns.prove.seeds")
"""What an arm imports before the user's script; one of them draws a number then."""


def main() -> None:
    """Takes the path of the treatment off the command line; the rest is for `lifesigns`."""
    own = Path(sys.argv.pop(1))
    treatment: Treatment = pickle.loads(own.read_bytes())
    for path, text in treatment.sources.items():
        _write(Path(path), text, own)
    for name in IMPORTED:
        import_module(name)
    from lifesigns.prove.seeds import shift

    shift(treatment.shift)
    if treatment.watched:
        from lifesigns.prove.noting import Noting

        noting = Noting(treatment.watched, treatment.steps, own.parent)
        atexit.register(noting.write)
        noting.install()
    if treatment.edit is not None:
        from lifesigns.prove.intervention import Intervention

        Intervention(treatment.edit, lambda why: _answer(own.parent, why)).install()


def _write(path: Path, text: str, own: Path) -> None:
    """Writes over a file of the sandbox, and never over one outside."""
    in_copy = is_within(str(path), str(own.parents[1]))
    table = mounts(MOUNTS.read_text(errors="surrogateescape")) if MOUNTS.exists() else []
    below = [mount for mount in table if is_within(str(path), mount.path)]
    if not in_copy and not (below and max(below, key=lambda m: len(m.path)).kind == "overlay"):
        raise SystemExit(f"lifesigns: {path} does not lie in the sandbox; it was not written.")
    path.write_bytes(text.encode())


def _answer(folder: Path, why: str) -> None:
    (folder / ANSWER).write_text(why or MADE)
    if why:
        os._exit(0)  # how it would go on without the edit is known
