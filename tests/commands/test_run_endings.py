"""`lifesigns run` where the end is not the end of the main thread, or the trouble is our own."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

TRAIN = """
import os, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import torch
import lifesigns

torch.set_num_threads(1)


def train():
    model = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Softmax(1))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    torch.manual_seed(0)
    x, y = torch.randn(8, 4), torch.arange(8) % 2
    for _ in range(24):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()


def late():
    time.sleep(0.2)
    train()


"""

BROKEN_REPORT = """
from lifesigns.report import Report

def broken(self, *_):
    raise KeyError("a bug")

Report.print = broken
"""
BROKEN_RULES = """
from lifesigns.rules import Selection

def broken(self, trace):
    raise KeyError("a bug")

Selection.judge = broken
"""
BROKEN_RECORDER = """
from lifesigns.record.schedule.snapshots import Snapshots

def broken(self, *readings):
    raise KeyError("a bug")

Snapshots.finish = broken
"""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

SCRIPTS = {
    "executor": "pool = ThreadPoolExecutor(2); pool.submit(train).result()",
    "exit": "threading.Thread(target=late).start(); sys.exit(3)",
    "raise": "threading.Thread(target=late).start(); raise ValueError('boom')",
    "stopped": "threading.Thread(target=train).start()",
    "own": "train(); lifesigns.watch(budget=7)",
    "hook": "train()\ndef hook(*_): raise OSError('hook')\nsys.excepthook = hook\n1 / 0",
    "child": "train()\nsys.exit(os.waitstatus_to_exitcode(os.wait()[1]) if os.fork() else 4)",
    "text": "train()",
    "judge": "train(); sys.exit(5)",
    "strict": "train()",
    "checked": "train(); print(1 / 0)",
    "sound": "p = torch.nn.Parameter(torch.randn(9)); s = torch.optim.SGD([p], 0.1)\n"
    "while True: s.zero_grad(); (p - torch.arange(9)).square().mean().backward(); s.step()",
    "untrained": "pass",
}
CHECKED = ("checked", "sound", "untrained")
OPTIONS = {"stopped": ["--max-steps", "5"], "strict": ["--strict", "--every", "1"]}
BEFORE = {"text": BROKEN_REPORT, "judge": BROKEN_RULES, "strict": BROKEN_RECORDER}


# Torch is imported once, and each child comes to its end as `lifesigns run` does.
DRIVER = """
import gc, json, os, sys
import lifesigns.cli, lifesigns.commands.run, lifesigns.watch
import torch._dynamo  # which the first step of an optimizer imports

gc.freeze()  # what is here never becomes garbage: no child need look at it

for name, before, arguments in json.loads(sys.argv[1]):
    child = os.fork()
    if not child:
        os.dup2(os.open(f"{name}.err", os.O_WRONLY | os.O_CREAT), 2)
        exec(before)
        sys.argv = ["lifesigns", *arguments]
        lifesigns.cli.main()
    print(name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def endings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("endings")
    calls = []
    for name, end in SCRIPTS.items():
        (folder / f"{name}.py").write_text(TRAIN + end + "\n")
        options = ["--json", f"{name}.json", *OPTIONS.get(name, [])]
        command = "check" if name in CHECKED else "run"
        calls.append((name, BEFORE.get(name, ""), [command, *options, f"{name}.py"]))
    command = [sys.executable, "-c", DRIVER, json.dumps(calls)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900)
    codes = dict(line.split() for line in done.stdout.splitlines())
    return {name: ended(folder, name, int(code)) for name, code in codes.items()}


def ended(folder, name, code):
    out = folder / f"{name}.json"
    report = json.loads(out.read_text()) if out.exists() else None
    return SimpleNamespace(returncode=code, stderr=(folder / f"{name}.err").read_text()), report


@pytest.mark.parametrize(
    ("name", "code", "outcome", "steps"),
    [
        ("executor", 0, "finished", 24),
        ("exit", 3, "failed: exit code 3", 24),
        ("raise", 1, "failed: ValueError: boom", 24),
        ("stopped", 0, "stopped after 5 steps (--max-steps)", 5),
        ("hook", 1, "failed: ZeroDivisionError: division by zero", 24),
        ("child", 4, "failed: exit code 4", 24),
    ],
)
def test_every_ending_is_reported_once_with_all_that_threads_trained(
    endings, name, code, outcome, steps
):
    process, report = endings[name]

    assert (process.returncode, report["outcome"], report["steps"]) == (code, outcome, steps)
    assert process.stderr.count("\ncost ") == 1


def test_a_thread_that_was_stopped_leaves_no_traceback(endings):
    assert "Traceback" not in endings["stopped"][0].stderr


def test_an_error_of_lifesigns_in_the_script_is_the_scripts_and_the_run_is_reported(endings):
    process, report = endings["own"]

    assert process.returncode == 1
    assert 'own.py", line' in process.stderr
    assert report["outcome"].startswith("failed: UsageError: budget=7")
    assert report["findings"][0]["rule"] == "doubled-softmax"


def test_a_bug_in_the_printed_report_spares_exit_code_and_json(endings):
    process, report = endings["text"]

    assert process.returncode == 0
    assert "KeyError: 'a bug'" in process.stderr
    assert report["findings"][0]["rule"] == "doubled-softmax"


def test_a_bug_in_the_judgement_keeps_the_exit_code_of_the_script(endings):
    process, report = endings["judge"]

    assert (process.returncode, report) == (5, None)
    assert "the report could not be delivered; please report this" in process.stderr


def test_a_failure_of_the_recorder_in_strict_mode_still_brings_a_report(endings):
    process, report = endings["strict"]

    assert process.returncode == 1
    assert report["outcome"].startswith("failed: RecorderError: the recorder failed")


@pytest.mark.parametrize(
    ("name", "code", "steps"), [("checked", 1, 1), ("sound", 0, 1), ("untrained", 1, 0)]
)
def test_a_script_is_checked_by_its_first_step(endings, name, code, steps):
    process, report = endings[name]

    assert (process.returncode, report["steps"]) == (code, steps)
    assert report["outcome"] == ("stopped after 1 step (check)" if steps else "finished")
    assert "Traceback" not in process.stderr
