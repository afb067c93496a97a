"""The calls of Linux that Python 3.10 has no words for; everywhere else they are refused."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys

if sys.platform == "linux":
    import fcntl

NEW_MOUNTS, NEW_IPC, NEW_USER = 0x00020000, 0x08000000, 0x10000000
NEW_PROCESSES, NEW_NETWORK = 0x20000000, 0x40000000
READ_ONLY, NO_SUID, NO_DEVICES, NO_PROGRAMS = 1, 2, 4, 8
REMOUNT, BIND, RECURSIVE, PRIVATE = 0x20, 0x1000, 0x4000, 0x40000
FLAGS = {
    "nosuid": NO_SUID,
    "nodev": NO_DEVICES,
    "noexec": NO_PROGRAMS,
    "noatime": 1 << 10,
    "nodiratime": 1 << 11,
    "relatime": 1 << 21,
}
"""Options of a mount that a namespace has to keep when it makes the mount read-only."""
_DEATH_SIGNAL, _SUBREAPER = 1, 36
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1


def unshare(flags: int) -> None:
    """Gives this process namespaces of its own.

    Args:
        flags: A sum of `NEW_…`.

    Raises:
        OSError: Forbidden here, or unknown to this system.
    """
    _call("unshare", flags)


def mount(
    source: str | None, target: str, kind: str | None, flags: int = 0, options: str | None = None
) -> None:
    """Mounts a file system, or changes how one is mounted, in the namespace of this process.

    Args:
        source: None where there is none.
        target: The folder or file that is covered.
        kind: Of the file system.
        flags: A sum of the constants above.
        options: The file system's own.

    Raises:
        OSError: Forbidden here, or impossible.
    """
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    own = None if options is None else os.fsencode(options)
    _call("mount", *texts, ctypes.c_ulong(flags), own, about=target)


def die_with_parent(number: int) -> None:
    """From now on the end of the parent, however it comes, ends this process.

    Args:
        number: The signal it gets.
    """
    _call("prctl", _DEATH_SIGNAL, int(number), 0, 0, 0)


def adopt_orphans() -> None:
    """Descendants whose parent ends become children of this process, not of the system's first."""
    _call("prctl", _SUBREAPER, 1, 0, 0, 0)


def start_loopback() -> None:
    """Makes 127.0.0.1 work in a network of its own, in which it is down at first."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        name, flags = struct.unpack("16sH14x", fcntl.ioctl(any_socket, _GET_FLAGS, request))
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH14x", name, flags | _UP))


def _call(name: str, *arguments: object, about: str | None = None) -> None:
    if sys.platform != "linux":
        raise OSError(0, f"{name} exists on Linux only")
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}", about)
