"""The textbook's sentences as experiments: each ends in a verdict with numbers.

A *claim* is one sentence, where it stands, what was published about it, an experiment on real data
or an exact calculation, and what the experiment must show. Its verdict follows from the
measurements alone: `reproduced` if all of them hold, `not here` if none does, `partly` between. A
claim that does not hold is a finding and is reported as such.

Adding one takes a file with a `CLAIM` in this package, and a line in the changelog.

What runs claims is imported on first use, because texts about them are read without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lifesigns.claims._book import as_json, book, markdown, print_table
    from lifesigns.claims._claim import Claim, Effort, Measurement, Result, Verdict
    from lifesigns.claims._engine import Done, all_claims, find_claims, run_claims
    from lifesigns.claims._running import kept_folder, run_with_progress

__all__ = [
    "Claim",
    "Done",
    "Effort",
    "Measurement",
    "Result",
    "Verdict",
    "all_claims",
    "as_json",
    "book",
    "find_claims",
    "kept_folder",
    "markdown",
    "print_table",
    "run_claims",
    "run_with_progress",
]

_HOMES = {
    **dict.fromkeys(("Done", "all_claims", "find_claims", "run_claims"), "_engine"),
    **dict.fromkeys(("kept_folder", "run_with_progress"), "_running"),
    **dict.fromkeys(("as_json", "book", "markdown", "print_table"), "_book"),
}
"""The module of each name that does not come from `_claim`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, '_claim')}"), name)
