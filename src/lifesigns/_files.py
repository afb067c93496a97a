"""Files a user names: only regular ones are opened, and only as much is read as can be meant."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any

from lifesigns._errors import UsageError, shown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

IS_FOLDER = "is a folder"
NOT_ALLOWED = "cannot be read (permission denied)"
MOST_TOML = 2**18
"""Bytes of a settings file: many times what people write, and a second or two for the parser."""
MOST_PARTS = 64
"""Parts of a dotted key: the parser's time grows with their square."""


def why_unreadable(path: Path) -> str:
    """Why `path` is no file to read from; empty if it is a regular file, and may be read.

    A pipe would be waited for and a device may never end, so both are refused.

    Args:
        path: Links are followed.

    Returns:
        Words that go on after the file's name, such as "does not exist".

    Example:
        >>> why_unreadable(Path("/"))
        'is a folder'
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "does not exist"
    except (OSError, ValueError) as error:  # a NUL character, a circle of links, no permission
        return f"cannot be looked at ({getattr(error, 'strerror', None) or error})"
    if stat.S_ISDIR(mode):
        return IS_FOLDER
    if not stat.S_ISREG(mode):
        return "is no regular file but a pipe, socket or device"
    return "" if os.access(path, os.R_OK) else NOT_ALLOWED


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML file.

    Args:
        path: UTF-8, with or without a mark of it; at most `MOST_TOML` bytes of it are read.

    Raises:
        UsageError: There is no such file, or it is too large, or no TOML; the message says why.
    """
    reason = why_unreadable(path)
    if reason:
        raise UsageError(f"{path} {reason}; a TOML file is expected.")
    try:
        with path.open("rb") as file:
            data = file.read(MOST_TOML + 1)
        if len(data) > MOST_TOML:
            raise UsageError(f"{path} has more than {MOST_TOML:,} bytes; too much for settings.")
        # As in text mode, which the parser expects: lines end in a single character.
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        _refuse_long_keys(path, text)
        values: dict[str, Any] = tomllib.loads(text)
    except RecursionError:
        raise UsageError(f"{path} is no TOML file: it is nested too deeply.") from None
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, no TOML, too long a number
        raise UsageError(f"{path} is no TOML file: {error}.") from error
    return values


def _refuse_long_keys(path: Path, text: str) -> None:
    parts = 0
    for part in text.split("."):
        parts = 0 if not part or set(part) & set(",=[]{}#<>\n") else parts + 1
        if parts > MOST_PARTS:
            raise UsageError(
                f"{path} is no TOML file: the key that ends in {shown(part)} has more than "
                f"{MOST_PARTS} parts."
            )
