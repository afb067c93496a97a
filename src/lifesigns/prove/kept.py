"""Arms kept in a folder, so that a proof that was killed goes on where it was."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from lifesigns import __version__, _outputs
from lifesigns._errors import LifesignsError, UsageError
from lifesigns.prove.arm import Arm
from lifesigns.prove.order import Order, Trained
from lifesigns.prove.places import new_folder
from lifesigns.prove.sandbox import Outcome
from lifesigns.prove.sources import sources
from lifesigns.store import read_run

ARMS = "arms"
"""In the folder of a proof: a run file of each arm, and beside it how the arm ended."""
PROOF = "proof.json"
"""Written last: a folder that has it holds a whole proof."""
PAGES = ("proof.html", "comparison.html", "fix.patch")
"""What else a proof writes."""
LETTERS = 16
"""Of a digest, in a name."""


@dataclass
class KeptArms:
    """The arms of one proof, by what was trained.

    An arm is found again if nothing that decides about it has changed: the program and its sources,
    its treatment, and the versions of lifesigns and torch. Data files are not looked at.
    """

    folder: Path
    """Made when the first arm is kept."""
    taken: int = field(default=0, init=False)
    """Arms that were found."""
    _asked: Counter[str] = field(default_factory=Counter, init=False)
    _texts: dict[str, str] = field(default_factory=dict, init=False)

    def place(self, order: Order) -> Path:
        """Where the run of an arm belongs; another place each time, for twins are trained twice.

        Args:
            order: What is trained.
        """
        if not self._texts:
            self._texts = {str(path): text for path, text in sources(order.program)}
        what = repr((__version__, torch.__version__, order, self._texts))
        digest = sha256(what.encode()).hexdigest()[:LETTERS]
        name = f"seed-{order.treatment.shift}-{digest}"
        self._asked[name] += 1
        return self.folder / f"{name}-{self._asked[name]}.lifesigns"

    def find(self, run_file: Path) -> Trained | None:
        """The arm that was kept there; None if there is none, or it was not finished.

        Args:
            run_file: Its place.
        """
        try:
            noted = json.loads(_note(run_file).read_text())
            trace = read_run(run_file) if noted["trace"] else None
            end = Outcome(noted["code"], noted["timed_out"], output=noted["output"])
            found = Trained(Arm(trace, end, noted["refusal"]), float(noted["seconds"]))
        except (OSError, ValueError, KeyError, TypeError, LifesignsError):
            return None
        self.taken += 1
        return found

    def keep(self, run_file: Path, trained: Trained) -> None:
        """Writes an arm to its place; it can be found once the last byte is there.

        Args:
            run_file: Its place.
            trained: It.
        """
        arm, end = trained.arm, trained.arm.end
        noted: dict[str, Any] = {
            "trace": arm.trace is not None,
            "code": end.code,
            "timed_out": end.timed_out,
            "output": end.output,
            "refusal": arm.refusal,
            "seconds": trained.seconds,
        }
        self.folder.mkdir(exist_ok=True)
        run_file.unlink(missing_ok=True)  # of an arm that was not finished
        _outputs.write(run_file, trained.run)
        _outputs.write(_note(run_file), json.dumps(noted))


def proof_folder(path: Path) -> Path:
    """A folder for a proof: a new one, or that of a proof that was broken off.

    Args:
        path: Missing parents are made, too.

    Raises:
        UsageError: There is something else, or it cannot be made.
    """
    try:
        names = {one.name for one in path.iterdir()} if path.is_dir() else set()
    except OSError as error:
        raise UsageError(
            f"{path} is a folder that cannot be read ({error.strerror}). Give a new one."
        ) from error
    if PROOF in names:
        raise UsageError(f"{path} holds a proof already. Give a new folder.")
    if ARMS in names and names <= {ARMS, *PAGES}:
        return path.resolve()
    return new_folder(path)


def _note(run_file: Path) -> Path:
    return run_file.with_suffix(".json")
