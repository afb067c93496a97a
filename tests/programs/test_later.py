"""What is compiled for the next time is nobody's business in this one."""

import os
import signal
import subprocess
import sys
import time

import pytest

from lifesigns._programs import later

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is compiled")


def order(script):
    """A command that a shell runs, with `-o FILE` behind it."""
    return ["sh", "-c", script, "sh"]


MAKES = order('echo made > "$2"')
FAILS = order("exit 1")


def appears(folder):
    until = time.monotonic() + 60
    while not list(folder.glob("*.so")) and time.monotonic() < until:
        time.sleep(0.05)
    return [path.name.partition(".")[0] for path in folder.glob("*.so")]


def test_the_first_order_that_succeeds_makes_the_library(tmp_path):
    assert later.compile_later([FAILS, MAKES], tmp_path, "name")

    assert appears(tmp_path) == ["name"]


def test_nobody_has_a_child_to_wait_for(tmp_path):
    slowly = order('sleep 0.5; echo made > "$2"')
    script = (
        "import os, pathlib, sys; from lifesigns._programs import later\n"
        f"assert later.compile_later([{slowly!r}], pathlib.Path(sys.argv[1]), 'name')\n"
        "os.waitpid(-1, os.WNOHANG)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], check=False, capture_output=True, text=True
    )

    assert "ChildProcessError" in done.stderr
    assert appears(tmp_path) == ["name"]


def test_no_process_is_started_where_orphans_are_adopted(tmp_path):
    script = (
        "import ctypes, pathlib, sys; from lifesigns._programs import later\n"
        "ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER\n"
        f"sys.exit(later.compile_later([{MAKES!r}], pathlib.Path(sys.argv[1]), 'name'))"
    )

    assert (
        subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == 0
    )
    assert not list(tmp_path.iterdir())


def test_it_is_tried_once_a_day(tmp_path):
    assert later.compile_later([FAILS], tmp_path, "name")
    assert not later.compile_later([FAILS], tmp_path, "name")

    yesterday = time.time() - later.AGAIN - 1
    os.utime(tmp_path / "name.tried", (yesterday, yesterday))

    assert later.compile_later([FAILS], tmp_path, "name")


@pytest.mark.parametrize("reason", ["told of children", "frozen", "embedded"])
def test_no_process_is_started_where_it_would_show(reason, tmp_path, monkeypatch):
    if reason == "frozen":
        monkeypatch.setattr(sys, "frozen", True, raising=False)
    if reason == "embedded":
        monkeypatch.setattr(sys, "executable", "/opt/painter/painter")
    before = signal.getsignal(signal.SIGCHLD)
    if reason == "told of children":
        signal.signal(signal.SIGCHLD, lambda *_: None)

    try:
        assert not later.compile_later([MAKES], tmp_path, "name")
    finally:
        signal.signal(signal.SIGCHLD, before)

    assert list(tmp_path.iterdir()) == []
