"""Writes a proved patch into the user's files, so that what was there can be had again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from lifesigns import _outputs
from lifesigns._errors import LifesignsError
from lifesigns.prove.candidates import Candidate

PATIENCE = 60.0
"""Seconds for git, which may lie on a slow disk."""


def write(candidate: Candidate) -> Iterator[str]:
    """Writes the changed files; those that git does not hold are backed up before.

    Args:
        candidate: A proved one, with sources.

    Yields:
        What was done, a line for each file.

    Raises:
        LifesignsError: A file is no longer what was proved, or cannot be written.
    """
    for name, text in candidate.sources.items():
        path = Path(name)
        original = candidate.originals[name].encode()
        if not path.is_file() or path.read_bytes() != original:
            raise LifesignsError(f"{path} was changed since the proof began. Prove it once more.")
        backup = None if _is_kept_by_git(path) else _free(path)
        if backup is not None:
            _outputs.write(backup, original)
        _outputs.write(path, text.encode())
        where = "git has the former text" if backup is None else f"the former text is in {backup}"
        yield f"Written into {path}; {where}."


def _is_kept_by_git(path: Path) -> bool:
    """Whether git has this very text of the file."""
    known = _git(path, "ls-files", "--error-unmatch")
    return bool(known) and _git(path, "status", "--porcelain") == b""


def _git(path: Path, *order: str) -> bytes | None:
    """What git says about a file; None where it knows nothing of it."""
    words = ["git", "--literal-pathspecs", "-C", str(path.parent), *order, "--", path.name]
    try:
        return subprocess.run(words, capture_output=True, check=True, timeout=PATIENCE).stdout
    except (OSError, subprocess.SubprocessError):
        return None


def _free(path: Path) -> Path:
    """A name for the backup that is not taken."""
    number = 0
    while (backup := path.with_name(f"{path.name}.before{number or ''}")).exists():
        number += 1
    return backup
