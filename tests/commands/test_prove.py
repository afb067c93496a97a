"""`lifesigns prove`, as a user sees it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from called import call

from lifesigns.prove.layers import PREFIX
from lifesigns.prove.sandbox import SWITCH

EXAMPLES = Path(__file__).parents[2] / "examples" / "faulty"
TRAIN = """
import time
import torch

{seed}
x = torch.rand(200, 2) * 2 - 1
y = (x[:, :1] * x[:, 1:] > 0).float()
net = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
for layer in net:
    if {fault} and isinstance(layer, torch.nn.Linear):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
for _ in range({steps}):
    rows = torch.randint(200, (32,))
    loss = {loss}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
{after}
"""
LOSS = "torch.nn.functional.mse_loss(net(x[rows]), y[rows])"
SEED = "torch.manual_seed(0)"
OWN = "torch.set_rng_state(torch.Generator().manual_seed(0).get_state())"
PARTS = {"seed": SEED, "fault": True, "steps": 200, "loss": LOSS, "after": ""}
UNREADABLE = "((net(x[rows]) - y[rows]).abs() ** 1.5).sort(0)[0].cumsum(0)[-1].mean()"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sandboxes are tested on Linux")


def sampled(name):
    return pytest.mark.sampled(name, ())


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of its own, which commands are called in."""
    folder = tmp_path / "my prøject"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LIFESIGNS_KERNEL", "off")  # there is none in this home
    monkeypatch.delenv(SWITCH, raising=False)
    return folder


@pytest.fixture
def script(project):
    """Writes a training script; without anything else its weights all start at zero."""

    def write(**parts):
        (project / "train.py").write_text(TRAIN.format(**PARTS | parts))

    write()
    return write


def lifesigns(*arguments):
    order = [sys.executable, "-m", "lifesigns", *arguments]
    return subprocess.run(order, capture_output=True, text=True, timeout=400)


def git(*order):
    return subprocess.run(["git", *order], check=True, capture_output=True, text=True).stdout


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rules(script):
    done = lifesigns("run", "--json", "-", script)
    report = json.loads(done.stdout[done.stdout.index("{") :])
    return {finding["rule"] for finding in report["findings"]}


@sampled("proved")
@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_proved_change_is_written_applies_and_taken_back_brings_the_finding(project, tmp_path):
    shutil.copy(EXAMPLES / "zero_start.py", "zero start.py")
    git("init", "-q")
    git("config", "core.autocrlf", "false")
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "one")

    done = lifesigns("prove", "--apply", "-o", str(tmp_path / "proof"), "zero start.py")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "initialise is proved for symmetric-units: it cured it on 5 of 5" in done.stdout
    assert "git has the former text" in done.stderr
    proof = json.loads((tmp_path / "proof" / "proof.json").read_text())
    assert (proof["conclusion"], proof["remedy"]["kind"]) == ("proved", "patch")
    assert "seed by seed" in (tmp_path / "proof" / "proof.html").read_text()
    assert git("status", "--porcelain").strip() == 'M "zero start.py"'
    assert "symmetric-units" not in rules("zero start.py")
    git("apply", "--reverse", str(tmp_path / "proof" / "fix.patch"))
    assert git("status", "--porcelain") == ""
    assert "symmetric-units" in rules("zero start.py")


def test_too_few_pairs_decide_nothing_and_nothing_is_written(script, project):
    script(after="open('written', 'w').write('x')")
    before = files(project)

    done = lifesigns("prove", "--apply", "--json", "--jobs", "2", "--pairs", "1", "train.py")

    assert done.returncode == 3, done.stdout + done.stderr
    assert "Nothing was written: only what is proved is." in done.stderr
    proof = json.loads(done.stdout)
    assert (proof["conclusion"], proof["trainings"]) == ("undecided", 6)
    assert proof["repeats"] == "identical"
    assert files(project) == before


@sampled("copy")
def test_in_a_copy_the_patched_file_of_the_copy_is_trained(script, project, monkeypatch):
    monkeypatch.setenv(SWITCH, "copy")
    before = files(project)

    done = lifesigns("prove", "--pairs", "1", str(project / "train.py"))

    assert done.returncode == 3, done.stdout + done.stderr
    assert "it cured it on 1 of 1 fresh seeds" in done.stdout
    assert files(project) == before


NOTHING = (
    "Nothing to prove: no error and no warning was found in the run. "
    "--auto tries the commonest edits all the same."
)


@sampled("healthy")
def test_of_a_healthy_script_there_is_nothing_to_prove(script):
    script(fault=False)

    done = lifesigns("prove", "--apply", "train.py")

    assert (done.returncode, done.stdout.splitlines()) == (1, [NOTHING])


@sampled("plan")
def test_a_dry_run_of_a_recorded_run_trains_nothing(script, project):
    assert lifesigns("run", "--save", "run.lifesigns", "train.py").returncode == 0
    script(after="raise SystemExit('it was trained')")
    before = files(project)

    done = lifesigns("prove", "--dry-run", "--tries", "2", "--pairs", "5", "run.lifesigns")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("symmetric-units: ")
    assert "  1. initialise " in done.stdout
    assert "13 trainings of " in done.stdout
    assert "at most 14.\n" in done.stdout
    assert files(project) == before


UNFAIR = {
    "one state": ({"seed": OWN}, "Another seed changes nothing"),
    "no loss": ({"loss": UNREADABLE}, "Say with --metric what the script prints"),
    "by the clock": ({"steps": "200 + time.time_ns() % 1999"}, "does not repeat in a sandbox"),
    "input": ({"after": "input('Go on? ')"}, "it asks for input"),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=sampled(name)) for name in UNFAIR])
def test_what_cannot_be_proved_fairly_is_not(script, name):
    changed, reason = UNFAIR[name]
    script(**changed)

    done = lifesigns("prove", "--pairs", "1", "--json", "train.py")

    assert done.returncode == 4, done.stdout + done.stderr
    refusal = json.loads(done.stdout)
    assert refusal["conclusion"] is None
    assert reason in refusal["reason"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.py"], "missing.py does not exist"),
        (["-o", "..", "train.py"], ".. exists already"),
        (["--metric", "(", "train.py"], "is no regular expression"),
        (["--metric", "(a)(b)", "train.py"], "has 2 groups"),
    ],
)
def test_a_mistake_of_the_user_is_said_in_a_line(script, monkeypatch, capsys, arguments, message):
    code = call(monkeypatch, "prove", *arguments)

    said = capsys.readouterr().err
    assert code == 2
    assert message in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--metric", "acc", "--epochs", "3", "--pairs=2", "--metric"],
            "lifesigns: --metric, --pairs behind train.py is given to the script; an option of "
            "lifesigns prove stands before it.\n",
        ),
        (["--metrics", "-o", "x", "metric"], ""),
    ],
)
def test_an_option_behind_the_script_is_the_scripts_and_that_is_said(
    script, monkeypatch, capsys, arguments, said
):
    given = []
    monkeypatch.setattr(
        "lifesigns.commands.prove.prove_remedy", lambda *words, **_: given.append(words) or 0
    )

    assert call(monkeypatch, "prove", "--pairs", "3", "train.py", *arguments) == 0

    assert capsys.readouterr().err == said
    assert given[0][:2] == ("train.py", arguments)
    assert given[0][2].limits.pairs == 3


@sampled("interrupt")
def test_an_interrupt_ends_the_trainings_and_leaves_nothing(script, project, tmp_path):
    script(after="while True: pass")
    before = files(project)
    mine = {**os.environ, "TMPDIR": str(tmp_path), "PROVE_MARK": tmp_path.name}
    order = [sys.executable, "-m", "lifesigns", "prove", "train.py"]
    sandboxes = set(Path("/var/tmp").glob(f"{PREFIX}*"))
    with subprocess.Popen(order, stderr=subprocess.PIPE, text=True, env=mine) as process:
        while not any(_is_training(tmp_path.name)):
            time.sleep(0.05)

        process.send_signal(signal.SIGINT)

        said = process.communicate(timeout=60)[1]
    assert process.returncode == -signal.SIGINT
    assert "Traceback" not in said
    assert said.endswith("interrupted; nothing is kept: with -o DIR the trainings are.\n")
    assert not any(_is_training(tmp_path.name))
    assert files(project) == before
    assert set(Path("/var/tmp").glob(f"{PREFIX}*")) <= sandboxes


def _is_training(mark):
    """Of each process with the mark, whether it is an arm."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.encode() in (folder / "environ").read_bytes():
                yield b"lifesigns.prove._treated" in (folder / "cmdline").read_bytes()
