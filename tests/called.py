"""The command line, called in this process."""

import sys

import pytest

from lifesigns import cli


def call(monkeypatch, *arguments):
    """The exit code of `lifesigns ARGUMENTS`, in this process."""
    monkeypatch.setattr(sys, "argv", ["lifesigns", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code
