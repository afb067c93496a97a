"""What sets one arm apart from another: its seed, the text of its sources, an edit of the run."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lifesigns.remedies import Edit

TREATMENT, ANSWER, PLACES = "treatment.pickle", "answer.txt", "places.json"
"""Files in the sandbox: what to do, how that went, and what was seen of the source."""
MADE = "made"
"""The answer of an arm in whose run the edit was made; any other says why not."""


@dataclass(frozen=True)
class Treatment:
    """What is done to one arm."""

    shift: int = 0
    """Number of the seed; 0 is the script's own."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """New texts by absolute path: inside the sandbox, files are written over with them."""
    edit: Edit | None = None
    """An edit of the live run, made before its first step."""
    watched: Mapping[str, str] = field(default_factory=dict)
    """Files, by their paths inside the sandbox, of which it is noted what runs where; then the
    arm ends after so many steps:"""
    steps: int = 0

    def put(self, folder: Path) -> Path:
        """Writes it where the arm will read it.

        Args:
            folder: One that the arm may write to.
        """
        path = folder / TREATMENT
        path.write_bytes(pickle.dumps(self))
        return path


def refusal(folder: Path) -> str:
    """Why an edit was not made in an arm that has ended; empty if it was.

    Args:
        folder: As given to `put`.
    """
    try:
        answer = (folder / ANSWER).read_text()
    except OSError:
        answer = "no model was trained by an optimizer"
    return "" if answer == MADE else answer
