"""`lifesigns rerun`, as a user sees it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lifesigns.prove.sandbox import SWITCH

TRAIN = """
import sys
import torch

{before}
net = {net}
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
inputs = torch.randn(64, 4)
for step in range({steps}):
    optimizer.zero_grad()
    loss = ((net(inputs) - inputs.sum(1, keepdim=True)) ** 2).mean()
    loss.backward()
    optimizer.step()
{after}
"""
NET = "torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))"
JITTER = f"{NET}; net[0].bias.data += 0.01 * torch.randn(8, generator=noise)"
SEED = "torch.manual_seed(0)"
SAVES = "torch.save(net.state_dict(), 'last.pt')"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sandboxes are tested on Linux")


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Writes a training script into a project of its own."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "last.pt").write_text("of the first run")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LIFESIGNS_KERNEL", "off")  # there is none in this home
    monkeypatch.delenv(SWITCH, raising=False)

    def write(**parts):
        values = {"before": SEED, "net": NET, "after": SAVES, "steps": 20} | parts
        (folder / "train.py").write_text(TRAIN.format(**values))

    write()
    return write


def lifesigns(*arguments):
    order = [sys.executable, "-m", "lifesigns", *arguments]
    return subprocess.run(order, capture_output=True, text=True, timeout=300)


def test_a_seeded_run_repeats_bit_for_bit_and_nothing_outside_changes(script, tmp_path):
    done = lifesigns("rerun", "--keep", str(tmp_path / "kept"), "train.py")

    assert done.returncode == 0, done.stderr
    assert "train.py repeats bit for bit: 20 losses and " in done.stdout
    assert f"Nothing outside changed: 2 files of {tmp_path}/project compared." in done.stdout
    assert (tmp_path / "project" / "last.pt").read_text() == "of the first run"
    assert "Files changed inside the sandbox: 1" in done.stdout
    kept = tmp_path / "kept" / "arm-1"
    assert (kept / f"files{tmp_path}/project/last.pt").stat().st_size > 1000
    assert (kept / "output.txt").exists()


def test_a_random_run_does_not_repeat_and_that_is_said(script):
    script(before="")

    done = lifesigns("rerun", "--json", "train.py")

    seen = json.loads(done.stdout)
    assert done.returncode == 1
    assert (seen["repeats"], seen["verdict"]) == (False, "different")
    assert seen["comparison"]["first"]["step"] == 0
    assert seen["comparison"]["spread"] > 0


def test_a_recorded_run_repeats_from_another_folder(script, tmp_path, monkeypatch):
    watching = ("run", "--every", "3", "--max-steps", "9", "--save", "run.lifesigns")
    assert lifesigns(*watching, "train.py", "--own", "a b").returncode == 0
    monkeypatch.chdir(tmp_path)

    done = lifesigns("rerun", "--json", "project/run.lifesigns")

    seen = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert seen["command"] == "train.py --own a b"
    assert (seen["verdict"], seen["comparison"]["losses"]) == ("identical", 9)


@pytest.mark.sampled("spread", ())
def test_a_recorded_run_that_is_random_is_compared_with_the_spread_of_two_arms(script):
    script(before=f"{SEED}; noise = torch.Generator(); noise.seed()", net=JITTER)
    lifesigns("run", "--save", "run.lifesigns", "train.py")

    done = lifesigns("rerun", "--json", "run.lifesigns")

    seen = json.loads(done.stdout)
    assert done.returncode == 1
    assert seen["noise"]["spread"] > 0
    assert len(seen["outcomes"]) == 2


@pytest.mark.sampled("copy", ())
def test_without_layers_a_copy_is_used_and_what_is_not_protected_is_said(script, monkeypatch):
    monkeypatch.setenv(SWITCH, "copy")

    done = lifesigns("rerun", "train.py")

    assert done.returncode == 0, done.stderr
    assert "repeats bit for bit: 20 losses" in done.stdout
    assert "Not protected: files named by absolute paths, $HOME, and the network." in done.stderr
    assert Path("last.pt").read_text() == "of the first run"


UNFAIR = {
    "input": ({"before": "input('Go on? ')"}, (), "it asks for input, and there is no terminal"),
    "no training": ({"steps": 0}, (), "no training step was seen"),
    "endless": ({"after": "while True: pass"}, ("--timeout", "12"), "it did not end in time"),
    "network": (
        {"before": "import urllib.request as r; r.urlopen('http://192.0.2.1')"},
        (),
        "it needs the network",
    ),
    "top": ({"after": "open('/lifesigns-nasty', 'w')"}, (), "it writes to a folder that could not"),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.sampled(name, ())) for name in UNFAIR]
)
def test_a_run_that_would_not_be_fair_is_none(script, name):
    changed, options, reason = UNFAIR[name]
    script(**changed)

    done = lifesigns("rerun", *options, "train.py")

    if name in ("network", "top") and "cannot be covered" in done.stderr:
        pytest.skip("a copy protects neither")
    assert done.returncode == 4, done.stdout
    assert f"train.py cannot be run fairly in a sandbox: {reason}" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.py"], "missing.py does not exist"),
        (["--keep", "..", "train.py"], ".. exists already"),
        (["run.lifesigns", "argument"], "knows its own arguments"),
        (["run.lifesigns"], "does not say how it was started"),
    ],
)
def test_a_mistake_of_the_user_is_said_in_a_line(script, arguments, message):
    from lifesigns.records import RunInfo
    from lifesigns.store import RunWriter

    with RunWriter("run.lifesigns", RunInfo("train.py")):
        pass

    done = lifesigns("rerun", *arguments)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupt_ends_the_training_and_leaves_nothing(script, tmp_path):
    script(after="while True: pass")
    marked = {**os.environ, "TMPDIR": str(tmp_path)}
    order = [sys.executable, "-m", "lifesigns", "rerun", "train.py"]
    with subprocess.Popen(order, stderr=subprocess.PIPE, text=True, env=marked) as process:
        assert "arm 1" in process.stderr.readline()
        time.sleep(1)

        process.send_signal(signal.SIGINT)

        said = process.communicate(timeout=60)[1]
    assert process.returncode == -signal.SIGINT
    assert "Traceback" not in said
