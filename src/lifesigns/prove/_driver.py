"""The process that becomes the sandbox: `python -c '… main()' SPECIFICATION`, started by `sandbox`.

Or it is forked by a process in which torch is loaded (see `_fork_server`). It enters namespaces of
its own, covers folders with upper layers, and forks the first process of the sandbox. That one
starts the program, waits for it, ends what it left running, and notes what it wrote. When the
parent dies, however that comes, so does this process, then the first one, and with it, by the
kernel's hand, every process in the sandbox.

Without layers (a copy of the tree, other systems) there is no namespace; then this process itself
starts the program and ends its descendants.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from lifesigns.prove import _linux
from lifesigns.prove.changes import Changes, in_layer
from lifesigns.prove.layers import MOUNTS, Mount, mounts

LOOKS = 0.02
"""Seconds between two looks at whether the program has ended."""
SHARED = "/dev/shm"
"""Where processes share memory: a folder in memory, of which the sandbox gets its own."""
KEPT_AS_THEY_ARE = ("/proc", "/dev/pts")
"""Mounts that do not become read-only: the first is mounted anew, the second makes terminals."""


@dataclass(frozen=True)
class Specification:
    """What a sandbox is to do."""

    command: list[str]
    folder: str
    """Where the command runs."""
    sandbox: str
    """The sandbox's folder of this arm."""
    layers: list[str] | None
    """Folders that get a layer; None where the command runs in a copy."""
    has_network: bool
    timeout: float | None
    parent: int
    """Process that is waited for no longer when it has died."""

    @classmethod
    def read(cls, path: str) -> Specification:
        """What `sandbox` has written down.

        Args:
            path: Of the file.
        """
        return cls(**json.loads(Path(path).read_text()))

    @property
    def result(self) -> Path:
        """Where the result is put, as JSON."""
        return Path(self.sandbox, "result.json")

    @property
    def output(self) -> Path:
        """Where what the command prints is put."""
        return Path(self.sandbox, "output.txt")


@dataclass(frozen=True)
class Result:
    """How a command ended in a sandbox."""

    code: int = 0
    """Its exit code; that of a signal is negative."""
    timed_out: bool = False
    left: int = 0
    """Processes that outlived it and were ended."""
    changes: Changes = field(default_factory=Changes)
    refused: str = ""
    """Why there is no sandbox; nothing was run then."""


@dataclass(frozen=True)
class _Layer:
    path: str
    lower: int
    upper: int


def main() -> None:
    """Runs what the specification, the only argument, says."""
    wanted = Specification.read(sys.argv[1])
    if drive(wanted):
        in_fork(lambda: _become(wanted))


def drive(wanted: Specification) -> bool:
    """Makes a sandbox of this process, and lets the program run in it.

    Returns twice: False in this process, once the program has ended and its result is noted; before
    that, True in the process in the sandbox that is to become the program.

    Args:
        wanted: Its parent is that of this process.
    """
    if wanted.layers is None:
        return _run_plainly(wanted)
    _linux.die_with_parent(signal.SIGKILL)
    if os.getppid() != wanted.parent:  # it died before it could be told so
        return False
    try:
        held = _enter(wanted, wanted.layers)
    except OSError as error:
        _note(wanted, Result(refused=_reason(error)))
        return False
    alive, mine = os.pipe()
    first = os.fork()
    if not first:
        os.close(mine)
        return in_fork(lambda: _run_as_first(wanted, held, alive))
    os.waitpid(first, 0)
    return False


def _enter(wanted: Specification, paths: list[str]) -> list[_Layer]:
    """Gives this process a world of its own in which only upper layers can be written.

    Raises:
        OSError: This system or its owner does not allow it.
    """
    table = mounts(MOUNTS.read_text(errors="surrogateescape"))
    network = 0 if wanted.has_network else _linux.NEW_NETWORK
    _enter_namespaces(
        _linux.NEW_USER | _linux.NEW_MOUNTS | _linux.NEW_PROCESSES | _linux.NEW_IPC | network
    )
    _linux.mount(None, "/", None, _linux.RECURSIVE | _linux.PRIVATE)
    _linux.mount(wanted.sandbox, wanted.sandbox, None, _linux.BIND)
    lowers = list(_opened(paths))
    _write_protect([mount for mount in table if mount.path not in KEPT_AS_THEY_ARE])
    covers = (_cover(wanted.sandbox, *lower) for lower in lowers)
    held = [layer for layer in covers if layer is not None]
    if os.path.isdir(SHARED):  # noqa: PTH112
        _linux.mount("tmpfs", SHARED, "tmpfs", _linux.NO_SUID | _linux.NO_DEVICES)
    _linux.mount("tmpfs", f"{wanted.sandbox}/layers", "tmpfs", _linux.READ_ONLY)
    if network:
        _linux.start_loopback()
    return held


def _opened(paths: list[str]) -> Iterator[tuple[int, str, int]]:
    """Number, path and descriptor of each folder; one that has gone meanwhile needs no layer."""
    for number, path in enumerate(paths):
        with suppress(FileNotFoundError):
            yield number, path, os.open(path, os.O_PATH | os.O_DIRECTORY)


def _enter_namespaces(flags: int) -> None:
    """A user stays the same user inside; root, who can read all files, needs all users there.

    The maps are written from outside: inside, nobody may map more than himself.
    """
    user, group, me = os.geteuid(), os.getegid(), os.getpid()
    ready, entered = os.pipe()
    writer = os.fork()
    if not writer:
        os.close(entered)
        os.read(ready, 1)
        in_fork(lambda: _map_users(me, user, group))
    try:
        _linux.unshare(flags)
    finally:
        os.close(entered)
        _, status = os.waitpid(writer, 0)
    if status:
        raise PermissionError(0, "users cannot be mapped into a namespace")
    _linux.die_with_parent(signal.SIGKILL)  # some changes of rights take that back


def _map_users(process: int, user: int, group: int) -> bool:
    if user:
        Path(f"/proc/{process}/setgroups").write_text("deny")
    for name, number in (("uid_map", user), ("gid_map", group)):
        text = f"{number} {number} 1" if user else "0 0 4294967295"
        Path(f"/proc/{process}/{name}").write_text(text)
    return False


def _write_protect(table: list[Mount]) -> None:
    for mount in table:
        kept = sum(_linux.FLAGS.get(option, 0) for option in mount.options)
        how = _linux.REMOUNT | _linux.BIND | _linux.READ_ONLY | kept
        try:
            _linux.mount(None, mount.path, None, how)
        except OSError:
            # What is covered by a later mount cannot be reached, and need not be protected.
            if mount.takes_layers and os.path.ismount(mount.path):
                raise


def _cover(sandbox: str, number: int, path: str, lower: int) -> _Layer | None:
    """Mounts an overlay over a folder, at its own place; none if it has gone meanwhile.

    The lower folder is named by its descriptor, so that no character in its name can matter.
    """
    place = Path(sandbox, "layers", str(number))
    upper, work = place / "upper", place / "work"
    for folder in (upper, work):
        folder.mkdir(parents=True)
    status = os.fstat(lower)
    with suppress(OSError):  # a user cannot give a folder to root
        os.chown(upper, status.st_uid, status.st_gid)
    upper.chmod(stat.S_IMODE(status.st_mode))
    held = os.open(upper, os.O_RDONLY | os.O_DIRECTORY)
    options = f"userxattr,lowerdir=/proc/self/fd/{lower},upperdir={upper},workdir={work}"
    try:
        _linux.mount("overlay", path, "overlay", 0, options)
    except FileNotFoundError:
        return None
    return _Layer(path, lower, held)


def _run_as_first(wanted: Specification, held: list[_Layer], alive: int) -> bool:
    """What the first process of the sandbox does; returns as `drive` does."""
    _linux.die_with_parent(signal.SIGKILL)
    os.set_blocking(alive, False)
    with suppress(BlockingIOError):
        if os.read(alive, 1) == b"":  # the parent, whose number is not seen in here, has died
            return False
    with suppress(OSError):  # forbidden in some containers: then that of outside stays
        _linux.mount("proc", "/proc", "proc", _linux.NO_SUID | _linux.NO_DEVICES)
    with suppress(OSError):  # in a second namespace not even root can take the layers away
        _enter_namespaces(_linux.NEW_USER | _linux.NEW_MOUNTS)
    child = _start()
    if not child:
        return True
    code, timed_out = _wait(child, wanted.timeout, lambda: True)
    with suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    found = (pair for one in held for pair in in_layer(one.path, one.upper, one.lower))
    _note(wanted, Result(code, timed_out, _reap(), Changes.of(found)))
    return False


def _run_plainly(wanted: Specification) -> bool:
    """Without namespaces: what the program left running is found as our descendants."""
    signal.signal(signal.SIGTERM, _end_all)
    with suppress(OSError):
        _linux.adopt_orphans()
        _linux.die_with_parent(signal.SIGTERM)
    child = _start()
    if not child:
        return True
    code, timed_out = _wait(child, wanted.timeout, lambda: os.getppid() == wanted.parent)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    _note(wanted, Result(code, timed_out, _end_descendants()))
    return False


def _start() -> int:
    """The number of the program's process; 0 in that process."""
    child = os.fork()
    if not child:
        os.setsid()
    return child


def _become(wanted: Specification) -> bool:
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    os.chdir(wanted.folder)
    os.execvp(wanted.command[0], wanted.command)


def _wait(child: int, timeout: float | None, goes_on: Callable[[], bool]) -> tuple[int, bool]:
    """Waits for the program and whatever else ends; kills the program when it is time."""
    deadline = None if timeout is None else time.monotonic() + timeout
    timed_out = False
    while True:
        ended, status = os.waitpid(-1, os.WNOHANG)
        if ended == child:
            return os.waitstatus_to_exitcode(status), timed_out
        if ended:
            continue
        if not timed_out and ((deadline and time.monotonic() > deadline) or not goes_on()):
            timed_out = True
            os.kill(child, signal.SIGKILL)
        time.sleep(LOOKS)


def _end_all(number: int, frame: FrameType | None) -> None:
    _end_descendants()
    os._exit(1)


def _end_descendants() -> int:
    """Ends children until there are none: those of an ended one become ours."""
    count = 0
    while children := _children():
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        count += _reap(os.WNOHANG)
        time.sleep(LOOKS)
    return count + _reap(os.WNOHANG)


def _children() -> list[int]:
    mine = str(os.getpid())
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = path.read_text(errors="replace").rpartition(")")[2].split()[:2]
            if parent == mine and state != "Z":
                found.append(int(path.parent.name))
    return found


def _reap(options: int = 0) -> int:
    """Waits for children who were told to end, and counts those who did so only then."""
    count = 0
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, options))[0]:
            count += os.WIFSIGNALED(ended[1])
    return count


def _note(wanted: Specification, result: Result) -> None:
    noted = {**vars(result), "changes": vars(result.changes)}
    unfinished = wanted.result.with_suffix(".part")
    unfinished.write_text(json.dumps(noted))
    unfinished.replace(wanted.result)


def _reason(error: OSError) -> str:
    about = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{about}"


def in_fork(act: Callable[[], bool]) -> bool:
    """Does something in a forked process, and ends it, unless that is to become the program.

    Args:
        act: Says whether it is.
    """
    code = 1
    try:
        if act():
            return True
        code = 0
    except BaseException as error:  # whatever it is, this process must not go on as its parent
        with suppress(OSError):
            os.write(2, f"lifesigns: {type(error).__name__}: {error}\n".encode())
    os._exit(code)
