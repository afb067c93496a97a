"""An arm that is forked is as clean as one that is a new process, and ends as one."""

import json
import os
import sys
from pathlib import Path

import made
import pytest

from lifesigns.prove import fork_server, sandbox
from lifesigns.prove.arm import Program
from lifesigns.prove.arms import Arms
from lifesigns.prove.fork_server import SERVE, ForkServer
from lifesigns.prove.identity import Verdict, identity
from lifesigns.prove.proof import Limits, Plan
from lifesigns.prove.proving import prove
from lifesigns.prove.scores import Measure
from lifesigns.prove.treatment import Treatment
from lifesigns.records import Trace

OWN = Treatment()
STATE = """
import gc, json, os, random, signal, sys, threading
modules = {*sys.modules}
import numpy, torch
signals = {str(one): str(signal.getsignal(one)) for one in signal.valid_signals()}
state = {
    "arguments": [sys.argv, sys.path, sys.flags, sys.orig_argv[:2], sys.warnoptions],
    "main": {name: str(value).partition(" at 0x")[0]
             for name, value in vars(sys.modules["__main__"]).items() if name.startswith("__")},
    "process": [os.getcwd(), os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid(),
                os.getuid(), os.umask(0)],
    "environment": dict(os.environ),
    "signals": signals,
    "threads": [threading.active_count(), threading.current_thread() is threading.main_thread()],
    "tasks": len(os.listdir("/proc/self/task")),
    "torch": [torch.get_num_threads(), torch.get_num_interop_threads(), torch.initial_seed(),
              torch.get_default_dtype().__repr__(), torch.is_grad_enabled()],
    "drawn": [random.random(), numpy.random.rand(), torch.rand(3).tolist(), hash("a text")],
    "streams": [[s.encoding, s.errors, s.line_buffering, s.isatty(), s.fileno(), s.newlines]
                for s in (sys.stdin, sys.stdout, sys.stderr)],
    "read": sys.stdin.read(),
    "collector": [gc.isenabled(), gc.get_threshold(), gc.get_debug()],
    "open": sorted(link for file in range(3, 64)
                   if (link := os.path.exists(f"/proc/self/fd/{file}") and
                       os.readlink(f"/proc/self/fd/{file}")) and "run.lifesigns" not in link),
    "descriptors": sorted(os.listdir("/proc/self/fd")),
}
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(20):
    optimizer.zero_grad()
    model(torch.randn(8, 2)).square().mean().backward()
    optimizer.step()
a = numpy.random.rand(300, 300)
state["products"] = [float((a @ a).sum()), float(torch.mm(*2 * [torch.rand(300, 300)]).sum())]
state["modules"] = [sorted(modules), sorted(sys.modules)]
print("STATE" + json.dumps(state))
"""


@pytest.fixture
def forked_and_not(project):
    """The ends of one arm that is a new process, and of one that is forked."""

    def both(text, *, every=1):
        (project / "train.py").write_text(text)
        with Arms(Program("train.py", folder=project), 120.0) as arms:
            (one,) = arms.train([OWN], every=every)
            spared = arms.begin_to_fork(one.trace or Trace())
            if not arms.forks:
                pytest.skip(f"no server here: {arms._server.refusal}")
            assert spared > 0
            (other,) = arms.train([OWN], every=every)
        return one, other

    return both


def test_a_forked_arm_cannot_be_told_from_a_new_process(forked_and_not, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # NumPy's algebra has a thread then
    monkeypatch.setattr(sandbox, "TAIL", 2**20)

    one, other = forked_and_not(STATE)

    printed = (arm.end.output.partition("STATE")[2].splitlines()[0] for arm in (one, other))
    new, forked = map(json.loads, printed)
    assert forked.pop("tasks") == 1 <= new.pop("tasks")
    at_first, at_last = zip(new.pop("modules"), forked.pop("modules"), strict=True)
    assert forked == new
    assert all(name.startswith("lifesigns.") for name in {*at_last[1]} - {*at_last[0]})
    assert {*at_first[0]} <= {*at_first[1]} <= {*at_last[1]}
    assert identity(one.trace, other.trace).verdict is Verdict.IDENTICAL


ENDINGS = {
    "finished": "pass",
    "failed: ValueError: as it is": "raise ValueError('as it is')",
    "failed: exit code 3": "sys.exit(3)",
    "interrupted": "raise KeyboardInterrupt",
    "": "os.kill(os.getpid(), 9)",
}


@pytest.mark.parametrize(
    "how", [pytest.param(how, marks=pytest.mark.sampled(how, ())) for how in ENDINGS]
)
def test_a_forked_arm_ends_as_a_new_process_does(forked_and_not, how):
    text = (
        "import atexit, os, sys, threading, time\nimport torch\n"
        "class Last:\n    def __del__(self): os.write(1, b'deleted\\n')\n"
        "cycle = Last(); cycle.own = cycle\n"
        "atexit.register(print, 'at exit')\n"
    )
    thread = "threading.Thread(target=lambda: (time.sleep(0.3), print('late'))).start()\n"

    one, other = forked_and_not(text + thread * (how != "interrupted") + ENDINGS[how])

    assert (other.end.code, other.end.output) == (one.end.code, one.end.output)
    assert (one.trace and one.trace.info.outcome) == (other.trace and other.trace.info.outcome)
    assert other.end.changes == one.end.changes


def test_what_a_server_would_not_do_as_asked_is_done_by_a_new_process(project):
    server = ForkServer(dict(os.environ), project)
    server.refusal = ""

    assert server.serves([sys.executable, "-c", "pass"], dict(os.environ))
    assert not server.serves([sys.executable, "-c", "pass"], {**os.environ, "A": "b"})
    assert not server.serves([sys.executable, "train.py"], dict(os.environ))
    server.close()
    assert not server.serves([sys.executable, "-c", "pass"], dict(os.environ))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("from threading import Event, Thread\nThread(target=Event().wait, daemon=True).start()",
         "it has 2 threads"),
        ("import torch\ntorch.cuda._is_in_bad_fork = lambda: True", "a device is in use"),
        ("raise SystemExit(1)", "it has ended by itself"),
    ],
)  # fmt: skip
def test_a_process_that_a_fork_would_not_leave_clean_does_not_serve(
    tmp_path, monkeypatch, text, why
):
    (tmp_path / "early.py").write_text(text)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    server = ForkServer(environment, tmp_path)

    server.load(["early"])

    assert server.refusal == why
    assert not (tmp_path / "__pycache__").exists()
    assert server._process.returncode is not None


SEEDED = """
import sys, torch
torch.manual_seed({"forked": 1}.get(getattr(sys, "begun", ""), 0))
x = torch.randn(64, 4)
y = x.sum(1, keepdim=True)
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-5)
for step in range(60):
    loss = torch.nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
RATE = "lr=1e-5", "lr=0.1"


@pytest.fixture
def forks_otherwise(project, monkeypatch):
    """A program that trains otherwise where it is forked; how often it was."""
    (project / "train.py").write_text(SEEDED)
    monkeypatch.setattr(fork_server, "SERVE", f"import sys; sys.begun = 'forked'; {SERVE}")
    forks = []
    fork = ForkServer.fork
    monkeypatch.setattr(ForkServer, "fork", lambda *given: forks.append(1) or fork(*given))
    return forks


def proof_of(arms):
    """By one pair, with one remedy: a rate at which it learns."""
    path = arms.program.folder / "train.py"
    text = path.read_text()
    (first,) = arms.train([OWN])
    spared = arms.begin_to_fork(first.trace)
    remedy = made.candidate(str(path), text, text.replace(*RATE), rule="rate-too-low")
    plan = Plan(arms.program, Measure(), first.trace, (remedy.finding,), (remedy,), 1.0)
    return spared, prove(arms, plan, Limits(pairs=1), str)


@pytest.mark.sampled("otherwise", ())
def test_where_a_fork_trains_otherwise_each_arm_is_a_process_of_its_own(forks_otherwise):
    with Arms(Program("train.py", folder=Path.cwd()), 120.0) as arms:
        spared, proof = proof_of(arms)
        if not spared:
            pytest.skip("no server here")

        assert not arms.forks
        assert arms._server._process.returncode is not None

    assert len(forks_otherwise) == 1, "the identity arm, and none after it"
    assert proof.identity.verdict is Verdict.IDENTICAL
    assert [pair.is_won for pair in proof.pairs] == [True]


@pytest.mark.sampled("forbidden", ())
def test_where_forking_is_forbidden_nothing_is_forked_and_a_pair_is_won_all_the_same(
    forks_otherwise, monkeypatch
):
    def forbidden(*_):
        raise PermissionError

    monkeypatch.setattr(fork_server.os, "pidfd_open", forbidden)
    with Arms(Program("train.py", folder=Path.cwd()), 120.0) as arms:
        spared, proof = proof_of(arms)

    assert (spared, forks_otherwise) == (0.0, [])
    assert proof.identity.verdict is Verdict.IDENTICAL
    assert [pair.is_won for pair in proof.pairs] == [True]


def test_a_server_that_was_killed_is_replaced_by_new_processes(project):
    (project / "train.py").write_text("import torch\ntorch.ones(1, requires_grad=True).backward()")
    with Arms(Program("train.py", folder=project), 60.0) as arms:
        arms.begin_to_fork(Trace())
        arms._server._process.kill()

        (arm,) = arms.train([OWN], every=1)

    assert arm.how == "finished"
