"""The one family of exceptions: every error lifesigns raises on purpose is a `LifesignsError`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class LifesignsError(Exception):
    """What was given, what was expected and the next step, in one message."""


class UsageError(LifesignsError):
    """The caller asked for something that cannot be done; the command line exits with code 2."""


class RunFileError(LifesignsError):
    """A run file is missing, damaged, or was written by a newer lifesigns."""


class RecorderError(LifesignsError):
    """The recorder failed; raised in strict mode only, otherwise it becomes a finding."""


class Interrupted(BaseException):
    """Ctrl-C ended the user's script, and is to end this process in the same way."""


class MissingExtraError(UsageError, ImportError):
    """A package of an extra is not installed. It is an `ImportError`, too, to those who try one."""


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Imports within this block belong to an extra of lifesigns.

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
