import os
import sys
import uuid

import nasty
import pytest

from lifesigns.prove.sandbox import SWITCH, Sandbox

if sys.platform != "linux":
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project in the world of a user; its processes carry a mark in their environment."""
    made = nasty.lay_out(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OUTSIDE", str(tmp_path))
    monkeypatch.setenv("NASTY_MARK", uuid.uuid4().hex)
    monkeypatch.delenv(SWITCH, raising=False)
    monkeypatch.chdir(made)
    return made


@pytest.fixture
def covered(project):
    """A sandbox with layers over folders, where this system allows them."""
    with Sandbox(project / "train.py", project) as sandbox:
        if sandbox.is_copy:
            pytest.skip(f"no layers here: {sandbox.reason}")
        yield sandbox


@pytest.fixture
def copied(project, monkeypatch):
    """A sandbox that is a copy of the tree."""
    monkeypatch.setenv(SWITCH, "copy")
    with Sandbox(project / "train.py", project) as sandbox:
        yield sandbox


@pytest.fixture
def run_script(project):
    """Writes a script, runs it in a sandbox, and returns its end with what was there before."""

    def run(sandbox, body, timeout=60):
        script = project / "train.py"
        script.write_text(nasty.HEAD + body)
        before = nasty.digest(project.parent)
        order = [sys.executable, "-B", "train.py"]
        return sandbox.run(order, os.environ, timeout=timeout), before

    return run
