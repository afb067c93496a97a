"""`lifesigns run --live`: a page beside the training, which notices nothing and leaves nothing."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from served import address_of, events_of, until

SCRIPT = """
import os, sys, time
import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for step in range(int(sys.argv[1])):
    inputs = torch.randn(32, 4)
    loss = nn.functional.cross_entropy(model(inputs), inputs[:, :3].argmax(1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    time.sleep(float(sys.argv[2]))
print(sys.stdin.read(), torch.rand(3).tolist(), [p.sum().item() for p in model.parameters()])
try:
    os.wait()
except ChildProcessError:
    print("no child")
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "tmp").mkdir()
    return tmp_path


@pytest.fixture
def temporary(folder, monkeypatch):
    """Where a temporary run file would lie."""
    monkeypatch.setenv("TMPDIR", str(folder / "tmp"))
    return folder / "tmp"


class Training:
    """A script that trains under `lifesigns run --live`, and a client of its page."""

    def __init__(self, folder, *arguments):
        command = [sys.executable, "-m", "lifesigns", "run", "--live", "--every", "1"]
        self.process = subprocess.Popen(
            [*command, *map(str, arguments)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"TMPDIR": str(folder / "tmp")},
        )
        self._clients = contextlib.ExitStack()
        self._clients.callback(self._end)
        self.address = address_of(self.process.stderr.readline())
        self.cookie = {}
        answer = self.ask(f"/?{self.address.query}")
        self.cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}

    def ask(self, path):
        connection = http.client.HTTPConnection(
            self.address.hostname, self.address.port, timeout=30
        )
        self._clients.callback(connection.close)
        connection.request("GET", path, headers=self.cookie)
        return self._clients.enter_context(connection.getresponse())

    def events(self):
        """Events from where the document ends."""
        document = self.ask("/document")
        document.read()
        return events_of(self.ask(f"/events?after={document.headers['lifesigns-cursor']}"))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._clients.close()

    def _end(self):
        self.process.kill()
        self.process.communicate()

    @property
    def is_served(self):
        with contextlib.suppress(OSError):
            self.ask("/")
            return True
        return False


def servers(folder):
    """The processes that serve a page of a run in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = process.read_bytes()
            if b"lifesigns.live.detached" in words and os.fsencode(folder) in words:
                found.append(process)
    return found


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.05)


def test_the_script_notices_nothing_and_nothing_is_left(folder, temporary, forked):
    (folder / "queue.py").write_text("raise SystemExit('the wrong queue')")  # asyncio needs one
    arguments = ["--every", "1", "train.py", "5", "0.1"]

    without = forked("run", *arguments, cwd=folder, input="all mine")
    live = forked("run", "--live", *arguments, cwd=folder, input="all mine")

    assert live.returncode == without.returncode == 0
    assert live.stdout == without.stdout
    assert live.stdout.startswith("all mine [")
    assert live.stdout.endswith("no child\n")
    said = [line for line in live.stderr.splitlines() if line.startswith("lifesigns: ")]
    assert len(said) in (0, 2)  # none where the training was over first
    assert list(temporary.glob("lifesigns-*")) == []
    assert servers(folder) == []


def test_a_run_that_is_saved_keeps_its_file(folder, temporary, forked):
    done = forked("run", "--live", "--save", "run.lifesigns", "train.py", "2", "0", cwd=folder)

    assert done.returncode == 0
    assert (folder / "run.lifesigns").exists()
    assert list(temporary.glob("lifesigns-*")) == []


def test_a_page_is_told_of_steps_and_of_the_end(folder, temporary):
    with Training(folder, "train.py", "40", "0.1") as training:
        events = training.events()
        until(events, "snapshot")
        end, _ = until(events, "status", lambda data: data["status"] != "running")
        code = training.process.wait(60)

        assert end.data["status"] == "finished"
        assert end.data["steps"] == 40
        assert code == 0
        assert not training.is_served
    assert list(temporary.glob("lifesigns-*")) == []


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGKILL, "killed"), (signal.SIGINT, "interrupted"), (signal.SIGTERM, "killed")],
)
def test_a_run_that_is_ended_shows_as_such_and_leaves_nothing(folder, temporary, number, status):
    with Training(folder, "train.py", "100000", "0.05") as training:
        events = training.events()
        until(events, "snapshot")
        training.process.send_signal(number)
        end, _ = until(events, "status", lambda data: data["status"] != "running")

        assert end.data["status"] == status
        assert training.process.wait(60) in (-number, 128 + number)
        wait_for(lambda: not training.is_served and not list(temporary.glob("lifesigns-*")))
    wait_for(lambda: not servers(folder))


def test_a_server_that_is_killed_does_not_disturb_the_training(folder, temporary):
    with Training(folder, "train.py", "60", "0.1") as training:
        (server,) = servers(folder)
        os.kill(int(server.parent.name), signal.SIGKILL)
        said = training.process.communicate(timeout=60)[1]

    assert training.process.returncode == 0
    assert "60 of 60 steps" in said
    assert list(temporary.glob("lifesigns-*")) == []


def test_a_server_that_cannot_start_is_said_and_the_training_goes_on(
    folder, temporary, forked, monkeypatch
):
    (folder / "blocked").mkdir()
    missing = 'raise ModuleNotFoundError("no uvicorn", name="uvicorn")'
    (folder / "blocked" / "uvicorn.py").write_text(missing)
    (folder / "train_blocked.py").write_text("import time; time.sleep(2)\n" + SCRIPT)
    command = [sys.executable, "-m", "lifesigns", "run", "--live", "train_blocked.py", "3", "0"]
    paths = [str(folder / "blocked"), os.environ.get("PYTHONPATH", "")]

    done = subprocess.run(
        command,
        cwd=folder,
        input="",
        capture_output=True,
        text=True,
        timeout=100,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )

    assert done.returncode == 0
    assert "no live page, the training goes on" in done.stderr
    assert "pip install 'lifesigns[live]'" in done.stderr
    assert list(temporary.glob("lifesigns-*")) == []
