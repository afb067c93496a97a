"""May we write here? Every option and function that writes a file asks this module.

Only regular files are written, and whole: beside the place first, then renamed over it, so that a
full disk or a kill leaves what was there. A link to a regular file is followed. Devices, pipes,
sockets, folders, links to them and links that lead nowhere are refused and never touched.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lifesigns._errors import LifesignsError, UsageError

STDOUT = Path("-")
"""Stands for standard output."""

APPLICATION_ID = 0x4C534947
"""`LSIG`: marks an SQLite file as a run file (`PRAGMA application_id`)."""

MOST_HEAD = 2**16
"""Bytes in which a report names who wrote it."""

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def regular_file(path: Path) -> Path:
    """The file that writing to `path` makes or replaces, with links followed.

    Args:
        path: Relative to the working directory; the file need not exist, its folder must.

    Raises:
        UsageError: It would be something else than a regular file, or cannot be written.
    """
    try:
        found = _stat(path)
        real = path.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path} cannot be written: {reason}. Give another file.") from error
    folder = real.parent
    if found is None and not folder.is_dir():
        raise UsageError(
            f"{path} cannot be written: the folder {path.parent} does not exist. "
            "Create it, or give another file."
        )
    if found is not None:
        _check_kind(path, found)
    if not _allowed(folder) or (found is not None and not _allowed(real)):
        raise UsageError(f"{path} cannot be written: permission denied. Give another file.")
    return real


def text_file(path: Path) -> Path:
    """As `regular_file`, for a file whose former content is of no concern, unless it is a run.

    Args:
        path: As for `regular_file`.

    Raises:
        UsageError: It would be something else than a regular file, or is a run file.
    """
    real = regular_file(path)
    if real.is_file() and is_run_file(real):
        raise UsageError(f"{path} is a run file of lifesigns. Give another file.")
    return real


def report_file(path: Path) -> Path:
    """As `text_file`, for a report: a file that is there must be an earlier one, or empty.

    Args:
        path: As for `regular_file`.

    Raises:
        UsageError: It would be something else than a regular file, or is somebody else's.
    """
    real = text_file(path)
    if real.is_file() and not _is_report(real):
        raise UsageError(
            f"{path} exists and is no report of lifesigns, so it is not overwritten. "
            "Move it away, or give another file."
        )
    return real


def _is_report(path: Path) -> bool:
    """Whether a file is empty, or JSON or a page with our name near its beginning."""
    with path.open("rb") as file:
        head = file.read(MOST_HEAD).lstrip()
    return not head or (head[:1] in (b"{", b"<") and b"lifesigns" in head)


def write(path: Path, content: str | bytes) -> None:
    """Writes the whole file or nothing; text is UTF-8, and `-` is standard output.

    Args:
        path: A regular file, which is replaced, or `-`.
        content: Text, in which surrogates stand for bytes that are no UTF-8, or bytes; of text only
            for `-`.

    Raises:
        UsageError: `path` is no place for it.
        LifesignsError: The disk failed; what was there before is untouched.
    """
    if path == STDOUT:
        print(content, end="", flush=True)
        return
    real = text_file(path)
    data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    unfinished = beside(real)
    try:
        with unfinished.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        put(unfinished, real)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise LifesignsError(
            f"{path} could not be written: {reason}. Free space, or give another file."
        ) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def beside(real: Path) -> Path:
    """A new name in the folder of `real`, for a file that is not complete yet.

    Args:
        real: Its folder exists.

    Returns:
        A path of the same file system, so that renaming it onto `real` is one act.
    """
    return real.with_name(f".lifesigns-{os.getpid()}-{secrets.token_hex(4)}")


def put(unfinished: Path, real: Path) -> None:
    """Puts a complete file in the place of `real`, at once, with that file's mode and owner.

    Args:
        unfinished: In the same folder as `real`; it is gone afterwards.
        real: With links followed, so that a link stays one.

    Raises:
        OSError: The file system refuses; `real` is as it was.
    """
    if real.exists():
        former = real.stat()
        unfinished.chmod(stat.S_IMODE(former.st_mode))
        with suppress(OSError, AttributeError):  # only root may give files away
            os.chown(unfinished, former.st_uid, former.st_gid)
    unfinished.replace(real)


def make_folder(path: Path) -> None:
    """Sees that there is a folder at `path` and that files can be made in it.

    Args:
        path: Made with its parents where it is missing.

    Raises:
        UsageError: There is something else, or nothing can be written there.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = beside(path / "x")
        probe.touch(exist_ok=False)
        probe.unlink()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"Nothing can be written to {path}: {reason}. Give a folder, or a new name."
        ) from error


def check_distinct(outputs: Iterable[Path | None], inputs: Iterable[Path | None] = ()) -> None:
    """No output may be written over another one or over a file that is read.

    Args:
        outputs: Paths that will be written; None for one that was not asked for.
        inputs: Paths that are read; likewise.

    Raises:
        UsageError: Two of them are the same.
    """
    taken = {_key(path): "is the file that is read" for path in inputs if path is not None}
    for path in outputs:
        if path is None:
            continue
        if _key(path) in taken:
            raise UsageError(f"{path} {taken[_key(path)]}. Give another file.")
        taken[_key(path)] = "was given for two outputs"


def is_run_file(path: Path) -> bool:
    """Whether the file begins as the run files of lifesigns do.

    Args:
        path: A regular file that can be read.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(72)
    return head.startswith(b"SQLite format 3\0") and head[68:] == APPLICATION_ID.to_bytes(4, "big")


def _stat(path: Path) -> os.stat_result | None:
    """What is at `path`; None if nothing is."""
    try:
        return path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise OSError(0, "it is a link that leads nowhere") from None
        return None


def _check_kind(path: Path, found: os.stat_result) -> None:
    if _is_standard(found):
        raise UsageError(
            f"{path} is where standard output or standard error goes. Give another file; --json "
            "and --sarif take - for standard output."
        )
    kind = stat.S_IFMT(found.st_mode)
    if kind != stat.S_IFREG:
        raise UsageError(
            f"{path} is {KINDS.get(kind, 'no regular file')}; only regular files are written. "
            "Give the name of a file."
        )


def _allowed(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _is_standard(found: os.stat_result) -> bool:
    for stream in (sys.__stdout__, sys.__stderr__):
        with suppress(OSError, ValueError, AttributeError):
            if os.path.samestat(found, os.fstat(stream.fileno())):  # type: ignore[union-attr]
                return not stat.S_ISDIR(found.st_mode)
    return False


def _key(path: Path) -> object:
    """The same for two names of one file."""
    if path == STDOUT:
        return STDOUT
    try:
        found = path.stat()
    except (OSError, ValueError):
        return os.path.realpath(path) if "\0" not in str(path) else str(path)
    return found.st_dev, found.st_ino
