"""The one family of exceptions: every error lifesigns raises on purpose is a `LifesignsError`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LONGEST = 80
"""Characters of a user's value that a message shows."""


class LifesignsError(Exception):
    """What was given, what was expected and the next step, in one message.

    A message may quote a file that somebody else made: control characters are shown as escapes.
    """

    def __str__(self) -> str:
        return re.sub(r"[^\n -~]", _visible, super().__str__())


class UsageError(LifesignsError):
    """The caller asked for something that cannot be done; the command line exits with code 2."""


class RunFileError(LifesignsError):
    """A run file is missing, damaged, or was written by a newer lifesigns."""


class RecorderError(LifesignsError):
    """The recorder failed; raised in strict mode only, otherwise it becomes a finding."""


class Interrupted(BaseException):
    """Ctrl-C ended the user's script, and is to end this process in the same way."""


class TrainingStopped(LifesignsError):
    """A watched training was ended because of a finding, as `watch(stop_on=...)` asked for."""

    finding: Any = None
    """The `Finding` that ended it."""
    step: int = 0
    """How many steps were made."""


class Meant(Exception):
    """Carries an exception that is meant for the user's training past what guards that.

    Args:
        error: What the training is to see.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


class MissingExtraError(UsageError, ImportError):
    """A package of an extra is not installed. It is an `ImportError`, too, to those who try one."""


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Imports within this block belong to an extra of lifesigns.

    Args:
        name: As in `pip install 'lifesigns[NAME]'`.

    Raises:
        MissingExtraError: One of them is not installed; the message says what to install.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "a package").partition(".")[0]
        raise MissingExtraError(
            f"This needs {package}, which comes with an extra: pip install 'lifesigns[{name}]'."
        ) from error


def shown(value: Any) -> str:
    """A value as a message can quote it: one line of bounded length, whatever it is.

    Args:
        value: Anything a user can write in a file, of any size.

    Returns:
        At most `LONGEST` characters.

    Example:
        >>> shown("relu"), len(shown("relu" * 1000))
        ("'relu'", 80)
    """
    try:
        return cut(repr(value[:LONGEST] if isinstance(value, str | bytes | list) else value))
    except (ValueError, RecursionError):  # an integer of thousands of digits, a deep nesting
        return f"a value of type {type(value).__name__}"


def cut(text: str) -> str:
    """The beginning of a text, as much as a message can hold.

    Args:
        text: Of any length.

    Returns:
        At most `LONGEST` characters, the last of them an ellipsis where something is left out.
    """
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _visible(match: re.Match[str]) -> str:
    character = match[0]
    return character if character.isprintable() else character.encode("unicode_escape").decode()
