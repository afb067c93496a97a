"""The one family of exceptions: every error lifesigns raises on purpose is a `LifesignsError`."""


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
