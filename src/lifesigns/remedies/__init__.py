"""The edits: remedies as data, applied to a live run or written into the user's source.

One file each, found by discovery: see `_edit` for what an edit is. `for_findings` says which edits
the findings of a run ask for. This package needs LibCST (`pip install 'lifesigns[prove]'`).
"""

from lifesigns.remedies._both import Both
from lifesigns.remedies._choice import (
    EDITS,
    UNDIAGNOSED,
    for_finding,
    for_findings,
    for_nothing_found,
    for_sight,
)
from lifesigns.remedies._discovery import all_manuals, find_manual
from lifesigns.remedies._edit import NOWHERE, Case, Edit, LiveRun, Manual, Place, Places
from lifesigns.remedies._page import markdown
from lifesigns.remedies._place import OPTIMIZER
from lifesigns.remedies._refusal import Refusal

__all__ = [
    "EDITS",
    "NOWHERE",
    "OPTIMIZER",
    "UNDIAGNOSED",
    "Both",
    "Case",
    "Edit",
    "LiveRun",
    "Manual",
    "Place",
    "Places",
    "Refusal",
    "all_manuals",
    "find_manual",
    "for_finding",
    "for_findings",
    "for_nothing_found",
    "for_sight",
    "markdown",
]
