"""A parent that is killed or interrupted at any moment leaves no process and changes no file."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nasty
import pytest

from lifesigns.prove.layers import MOUNTS
from lifesigns.prove.places import common, parent_for, remove
from lifesigns.prove.sandbox import SWITCH

MOMENTS = 3
LONGEST = 1.5
"""Seconds after the sandbox was made, within which the parent is killed."""
PARENT = """
import os, sys
from pathlib import Path
from lifesigns.prove import sandbox
from lifesigns.prove.fork_server import ForkServer
sandbox.parent_for = lambda places: Path(sys.argv[1])
server = ForkServer(os.environ, Path.cwd())
if sys.argv[2] == "forked":
    server.load()
    assert not server.refusal
with sandbox.Sandbox(Path("train.py"), Path.cwd(), server=server) as made:
    print("made", flush=True)
    made.run([sys.executable, "-c", Path("train.py").read_text()], os.environ)
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
def sandboxes():
    """A folder for the sandboxes of this test, where they would be made by themselves."""
    folder = Path(tempfile.mkdtemp(prefix="lifesigns-killed-", dir=parent_for(common())))
    yield folder
    remove(folder)


@pytest.fixture
def begun(project, sandboxes, monkeypatch):
    """Starts a parent whose sandbox runs a script without an end."""
    (project / "train.py").write_text(nasty.HEAD + SCRIPT)

    def begin(kind):
        monkeypatch.setenv(SWITCH, kind)
        order = [sys.executable, "-c", PARENT, str(sandboxes), kind]
        parent = subprocess.Popen(order, stdout=subprocess.PIPE, text=True)
        assert parent.stdout.readline() == "made\n"
        return parent

    return begin


@pytest.mark.parametrize("kind", ["copy", "layers", "forked"])
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_killed_parent_leaves_the_sandboxes_folder_and_nothing_else(
    project, sandboxes, begun, kind, moment
):
    before, mounted = nasty.digest(project.parent), MOUNTS.read_text()

    with begun(kind) as parent:
        time.sleep(LONGEST * (moment + random.Random(moment).random()) / MOMENTS)
        parent.kill()

    assert nasty.gone(os.environ["NASTY_MARK"])
    assert len(list(sandboxes.iterdir())) == 1
    assert nasty.digest(project.parent) == before
    assert MOUNTS.read_text() == mounted


@pytest.mark.parametrize("kind", ["copy", "layers", "forked"])
def test_an_interrupt_leaves_nothing_at_all(project, sandboxes, begun, kind):
    before = nasty.digest(project.parent)

    with begun(kind) as parent:
        time.sleep(LONGEST / 2)
        parent.send_signal(signal.SIGINT)

    assert nasty.gone(os.environ["NASTY_MARK"])
    assert list(sandboxes.iterdir()) == []
    assert nasty.digest(project.parent) == before
