"""Where the processes of one training leave their run files, and the first joins them at its end.

Nothing is exchanged while they train: each writes a run file of its own, and beside it a note of
who it is. At its end the first waits for the notes of the others, for a bounded time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lifesigns._errors import LifesignsError
from lifesigns._outputs import beside
from lifesigns._ranks import Rank, placed
from lifesigns.locale.spoken import said
from lifesigns.report import Report
from lifesigns.report.joined import Joined, Part
from lifesigns.rules import Selection
from lifesigns.store import read_findings, read_run

SHARED = "LIFESIGNS_RANKS"
"""Names a folder that all processes see, where they are on several machines."""
PATIENCE = 15.0
"""Seconds that the first process waits for the others at its end."""
IN_A_HURRY = 3.0
"""The same, where a signal ends it, as whoever sent it soon sends one that cannot be answered; and
where none of those that are missing has even begun here."""
POLL = 0.05
STOP = "stop"
"""A file by which one process ends the training of all."""
_TOLD = ("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "MASTER_ADDR", "MASTER_PORT")
"""What the environment tells one training from another by."""


@dataclass(frozen=True)
class Note:
    """What a process tells of itself."""

    process: int
    machine: str
    run_file: str
    ended: bool = False
    """Whether its run file is complete."""
    left: bool = False
    """Whether it will read nothing here any more."""


class Meeting:
    """One process's part in the joining.

    Args:
        rank: This process.
        save: Where the user wants the run files; None for none, then they are temporary.

    Raises:
        OSError: The folder cannot be made.
    """

    def __init__(self, rank: Rank, save: Path | None) -> None:
        self.rank = rank
        self._folder = _folder()
        self.run_file = placed(save or self._folder / "run.lifesigns", rank)
        """Where this process writes its run."""
        self._note = Note(os.getpid(), socket.gethostname(), str(self.run_file.absolute()))
        self._leave(self._note)
        if self.leads:  # nobody can have asked for an end yet, but an earlier training may
            (self._folder / STOP).unlink(missing_ok=True)

    @property
    def leads(self) -> bool:
        """Whether this process reports for all."""
        return self.rank.number == 0

    def end(self) -> None:
        """This process's run is complete."""
        with suppress(OSError):  # the first has waited, and has gone
            self._leave(replace(self._note, ended=True))

    def is_led(self) -> bool:
        """Whether somebody else will report: the first process lives, or has reported."""
        first = self._read(0)
        return first is None or first.ended or _is_alive(first)

    def join(self, own: Report, selection: Selection, is_hurried: Callable[[], bool]) -> Joined:
        """Waits for the others, and joins what they have seen.

        Args:
            own: The report on this process.
            selection: Which rules are asked.
            is_hurried: Whether somebody wants this process to end.
        """
        began, others = time.monotonic(), range(1, self.rank.world)
        while waited := [n for n in others if not self._is_done(n)]:
            unknown = all(self._read(n) is None for n in waited)
            patience = IN_A_HURRY if unknown or is_hurried() else PATIENCE
            if time.monotonic() - began > patience:
                break
            time.sleep(POLL)
        patience = time.monotonic() - began
        parts, missing = {0: Part(own.trace, own.findings)}, {}
        for number in others:
            part = self._part(number, selection, patience)
            if isinstance(part, Part):
                parts[number] = part
            else:
                missing[number] = part
        return Joined.of(parts, self.rank.world, selection, missing)

    def stop_all(self, step: int, reason: str) -> None:
        """Has all processes end their training; whoever says so first decides.

        Args:
            step: When it has been made.
            reason: What is said of it.
        """
        with suppress(OSError), (self._folder / STOP).open("x") as file:
            file.write(f"{step} {reason}")

    def last_step(self) -> tuple[int | None, str]:
        """After which step all are to end, and why; None while nobody has said so."""
        with suppress(OSError, ValueError):
            step, _, reason = (self._folder / STOP).read_text().partition(" ")
            return int(step), reason
        return None, ""

    def close(self) -> None:
        """This process needs nothing here any more; the last of all clears up."""
        with suppress(OSError):
            self._leave(replace(self._note, ended=True, left=True))
            if all(n is None or n.left or not _is_alive(n) for n in map(self._read, self._all)):
                shutil.rmtree(self._folder)

    @property
    def _all(self) -> range:
        return range(self.rank.world)

    def _is_done(self, number: int) -> bool:
        note = self._read(number)
        return note is not None and (note.ended or not _is_alive(note))

    def _part(self, number: int, selection: Selection, patience: float) -> Part | str:
        """What was heard of a process; why nothing, where nothing was."""
        note = self._read(number)
        if note is None:
            return (
                "left no run here: not watched, or on another machine (name a folder that all see "
                f"in {SHARED})"
            )
        try:
            trace = read_run(Path(note.run_file))
            if note.ended:
                return Part(trace, read_findings(Path(note.run_file)))
        except LifesignsError as error:
            return f"left a run that cannot be read: {error}"
        alive = _is_alive(note)
        why = f"had not ended {patience:.0f} s later" if alive else "died without a report"
        return Part(trace, selection.judge(trace).findings, f"{why}: its run up to then was read")

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.json"

    def _leave(self, note: Note) -> None:
        unfinished = beside(self._path(self.rank.number))
        unfinished.write_text(json.dumps(asdict(note)))
        unfinished.replace(self._path(self.rank.number))

    def _read(self, number: int) -> Note | None:
        with suppress(OSError, ValueError, TypeError):
            return Note(**json.loads(self._path(number).read_text()))
        return None


def meeting(save: Path | None, rank: Rank, say: Callable[[str], None]) -> Meeting | None:
    """This process's part in the joining; None where there can be none, which is said.

    Args:
        save: Where the user wants the run files.
        rank: This process.
        say: Prints one line.
    """
    try:
        return Meeting(rank, save)
    except OSError as error:
        say(said(f"{rank}: the reports of the ranks cannot be joined: {error}"))
        return None


def _folder() -> Path:
    """The same for all processes of a training, and the user's own."""
    shared = os.environ.get(SHARED)
    told = [os.environ.get(name, "") for name in _TOLD]
    place = Path(shared) if shared else Path(tempfile.gettempdir())
    key = hashlib.sha256("|".join([*told, "" if shared else str(os.getppid())]).encode())
    folder = place / f"lifesigns-{_user()}-{key.hexdigest()[:16]}"
    folder.mkdir(mode=0o700, parents=bool(shared), exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != _user():
        raise OSError(f"{folder} is somebody else's")
    return folder


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _is_alive(note: Note) -> bool:
    """Of a process on another machine it is not known, and taken to be so."""
    if note.machine != socket.gethostname():
        return True
    try:
        os.kill(note.process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return not _is_zombie(note.process)


def _is_zombie(process: int) -> bool:
    """Whether it has ended and nobody has asked how."""
    with suppress(OSError):
        return ") Z" in Path(f"/proc/{process}/stat").read_text()
    return False
