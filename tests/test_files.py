"""Files of a user that are there and may not be read: said in a line, with the next step."""

import os

import pytest

from lifesigns._errors import UsageError
from lifesigns._files import why_unreadable
from lifesigns.commands.check import check
from lifesigns.prove.asked import asked_for
from lifesigns.settings import load_settings


@pytest.fixture
def closed(tmp_path, monkeypatch):
    """A project whose files this user may not read, as root may read any."""
    for name in ("train.py", "pyproject.toml"):
        (tmp_path / name).write_text("")
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.R_OK)
    return tmp_path


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (load_settings, "pyproject.toml cannot be read .permission denied.; a TOML file is"),
        (lambda f: asked_for(str(f / "train.py"), [], False), "expected a Python training script"),
        (lambda f: check(f"{f / 'train.py'}:make"), "expected a Python file with the function"),
    ],
    ids=["settings", "prove", "check"],
)
def test_a_file_without_permission_is_said_in_a_line(closed, use, expected):
    with pytest.raises(UsageError, match=expected):
        use(closed)


def test_a_pipe_and_a_folder_are_what_they_are(closed):
    os.mkfifo(closed / "pipe")

    assert why_unreadable(closed) == "is a folder"
    assert why_unreadable(closed / "pipe").startswith("is no regular file")
