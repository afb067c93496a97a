"""A parent that is killed or interrupted at any moment leaves no process and changes no file."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import nasty
import pytest

from lifesigns.prove.layers import MOUNTS
from lifesigns.prove.places import remove
from lifesigns.prove.sandbox import SWITCH

MOMENTS = 3
LONGEST = 1.5
"""Seconds after the sandbox was made, within which the parent is killed."""
PARENT = """
import os, sys
from pathlib import Path
from lifesigns.prove.sandbox import Sandbox
with Sandbox(Path("train.py"), Path.cwd()) as sandbox:
    print(sandbox._root, flush=True)
    sandbox.run([sys.executable, "-B", "train.py"], os.environ)
"""
SCRIPT = """
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    with open('data.csv', 'a') as file:
        file.write('more\\n')
    Path('new-%d' % os.getpid()).write_text('x')
    time.sleep(0.001)
"""


@pytest.fixture
def begun(project, monkeypatch):
    """Starts a parent whose sandbox runs a script without an end."""
    (project / "train.py").write_text(nasty.HEAD + SCRIPT)

    def begin(kind):
        monkeypatch.setenv(SWITCH, kind)
        return subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)

    return begin


@pytest.mark.parametrize("kind", ["copy", "layers"])
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_killed_parent_leaves_the_sandboxes_folder_and_nothing_else(project, begun, kind, moment):
    before, mounted = nasty.digest(project.parent), MOUNTS.read_text()

    with begun(kind) as parent:
        sandbox = Path(parent.stdout.readline().strip())
        time.sleep(LONGEST * (moment + random.Random(moment).random()) / MOMENTS)
        parent.kill()

    assert nasty.gone(os.environ["NASTY_MARK"])
    assert sandbox.is_dir()
    remove(sandbox)
    assert nasty.digest(project.parent) == before
    assert MOUNTS.read_text() == mounted


@pytest.mark.parametrize("kind", ["copy", "layers"])
def test_an_interrupt_leaves_nothing_at_all(project, begun, kind):
    before = nasty.digest(project.parent)

    with begun(kind) as parent:
        sandbox = Path(parent.stdout.readline().strip())
        time.sleep(LONGEST / 2)
        parent.send_signal(signal.SIGINT)

    assert nasty.gone(os.environ["NASTY_MARK"])
    assert not sandbox.exists()
    assert nasty.digest(project.parent) == before
