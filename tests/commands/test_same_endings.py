"""Exit code and standard output of a watched program are those of the unwatched one.

The unwatched program is a process of its own, without torch. The watched ones are forked from one
process that has imported torch, which is what takes the time, and end as `lifesigns run` does.
"""

import json
import os
import signal
import subprocess
import sys

import pytest

STUB = """
import os


def train():
    if "UNWATCHED" in os.environ:
        return
    import torch

    torch.set_num_threads(1)
    model = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Softmax(1))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    x, y = torch.randn(8, 4), torch.arange(8) % 2
    for _ in range(4):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()


def send(name):
    import signal

    os.kill(os.getpid(), getattr(signal, name))
"""
HEAD = """
import atexit, faulthandler, multiprocessing, os, resource, signal, subprocess, sys, threading, time
from stub import send, train

print("before")
train()
"""
NO_READER = "r, w = os.pipe(); os.close(r); os.dup2(w, 1)\n"
SMALL_FILES = "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"

PROGRAMS = {
    # codes
    "plain": "",
    "exit-0": "sys.exit(0)",
    "exit-3": "sys.exit(3)",
    "exit-none": "sys.exit(None)",
    "exit-text": "sys.exit('sorry')",
    "exit-256": "sys.exit(256)",
    "exit-minus": "sys.exit(-1)",
    "exit-true": "sys.exit(True)",
    "exit-huge": "sys.exit(2**70)",
    "exit-tuple": "sys.exit((1, 2))",
    "exit-subclass": "class Stop(SystemExit): pass\nraise Stop(5)",
    "exit-unprintable": "class Odd:\n  def __str__(self): raise ValueError\nsys.exit(Odd())",
    "exit-builtin": "exit(6)",
    "os-exit": "sys.stdout.flush(); os._exit(7)",
    "exit-in-finally": "try: 1 / 0\nfinally: sys.exit(4)",
    "exit-in-with": "class W:\n  __enter__ = lambda s: s\n  def __exit__(s, *_): print('left')\n"
    "with W(): sys.exit(4)",
    # exceptions
    "error": "1 / 0",
    "error-no-text": "class E(Exception):\n  def __str__(self): raise KeyError\nraise E",
    "generator-exit": "raise GeneratorExit",
    "base-exception": "raise BaseException('bare')",
    "keyboard-interrupt": "raise KeyboardInterrupt",
    "group": "raise (ExceptionGroup('two', [ValueError(1), KeyError(2)])\n"
    "  if sys.version_info >= (3, 11) else ValueError)",
    "recursion": "def f(): f()\nf()",
    "low-recursion-limit": "sys.setrecursionlimit(60)",
    "broken-pipe-error": "raise BrokenPipeError(32, 'mine')",
    "syntax-error": "exec('1 +')",
    # hooks and functions at exit
    "hook": "sys.excepthook = lambda *_: print('mine')\n1 / 0",
    "hook-exits": "def hook(*_): sys.exit(9)\nsys.excepthook = hook\n1 / 0",
    "hook-fails": "def hook(*_): raise OSError\nsys.excepthook = hook\n1 / 0",
    "hook-none": "sys.excepthook = None\n1 / 0",
    "hook-deleted": "del sys.excepthook\n1 / 0",
    "at-exit": "atexit.register(print, 'bye')",
    "at-exit-fails": "atexit.register(lambda: 1 / 0)",
    "at-exit-exits": "atexit.register(sys.exit, 8)",
    "at-exit-after-error": "atexit.register(print, 'bye')\n1 / 0",
    "at-exit-after-interrupt": "atexit.register(print, 'bye')\nraise KeyboardInterrupt",
    # signals
    **{name.lower(): f"send('{name}'); time.sleep(9)" for name in ("SIGTERM", "SIGHUP", "SIGINT")},
    **{name.lower(): f"send('{name}')" for name in ("SIGKILL", "SIGABRT", "SIGUSR1")},
    "segfault": "faulthandler.enable(); send('SIGSEGV')",
    "own-handler": "signal.signal(signal.SIGTERM, lambda *_: print('mine'))\nsend('SIGTERM')",
    "own-handler-exits": "signal.signal(signal.SIGHUP, lambda *_: sys.exit(5))\nsend('SIGHUP')",
    "own-handler-chains": "old = signal.signal(signal.SIGTERM, lambda *_: print('mine'))\n"
    "send('SIGTERM'); print(old); signal.signal(signal.SIGTERM, old); send('SIGTERM')",
    "ignored": "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nsend('SIGTERM'); print('lives')",
    "handlers-seen": "print(*[repr(signal.getsignal(s)) for s in (signal.SIGTERM, signal.SIGHUP)])",
    "terminated-in-join": "threading.Timer(0.2, send, ['SIGTERM']).start()\n"
    "t = threading.Thread(target=time.sleep, args=[9], daemon=True); t.start(); t.join()",
    "terminated-at-exit": "threading.Thread(target=lambda: (time.sleep(0.3), send('SIGTERM'),\n"
    "  time.sleep(9))).start()",
    "terminated-unflushed": "print('lost'); send('SIGTERM'); time.sleep(9)",
    "flushed-before": "print('kept', flush=True); send('SIGTERM'); time.sleep(9)",
    # streams
    "out-closed": "sys.stdout.close()",
    "both-closed": "sys.stdout.close(); sys.stderr.close()",
    "err-closed-error": "sys.stderr.close(); 1 / 0",
    "out-none": "sys.stdout = None",
    "both-none": "sys.stdout = sys.stderr = None\nsys.exit('unseen')",
    "both-replaced": "import io\nsys.stdout = sys.stderr = io.StringIO()\nprint('mine')",
    "err-is-out": "sys.stderr = sys.stdout",
    "descriptor-1-closed": "sys.stdout.flush(); os.close(1)",
    "descriptor-2-closed": "os.close(2)",
    "both-descriptors-closed": "sys.stdout.flush(); os.close(1); os.close(2); print('late')",
    "descriptors-joined": "sys.stdout.flush(); os.dup2(1, 2)",
    "descriptor-2-reused": "os.close(2); os.open('reused', os.O_CREAT | os.O_WRONLY)",
    "no-reader": "sys.stdout.flush()\n" + NO_READER + "print('unread')",
    "no-reader-flushed": "sys.stdout.flush()\n" + NO_READER + "print('unread', flush=True)",
    "no-reader-of-both": "sys.stdout.flush()\n" + NO_READER + "os.dup2(1, 2); print('unread')",
    "full": "sys.stdout.flush()\n" + SMALL_FILES + "print('x' * 200)",
    "full-flushed": "sys.stdout.flush()\n" + SMALL_FILES + "print('x' * 200, flush=True)",
    # what is left behind
    "thread": "threading.Thread(target=lambda: (time.sleep(0.2), print('late'))).start()",
    "thread-error": "threading.Thread(target=lambda: 1 / 0).start()",
    "thread-exits": "def f(): raise SystemExit(3)\nthreading.Thread(target=f).start()",
    "thread-then-interrupt": "threading.Thread(target=lambda: (time.sleep(0.2), print('late')))"
    ".start()\nraise KeyboardInterrupt",
    "daemon": "threading.Thread(target=time.sleep, args=[9], daemon=True).start()",
    "worker": "p = multiprocessing.get_context('fork').Process(target=time.sleep, args=[0.1])\n"
    "p.start()",
    "worker-terminated": "p = multiprocessing.get_context('fork').Process(\n"
    "  target=time.sleep, args=[9])\np.start(); p.terminate(); p.join(); print(p.exitcode)",
    "worker-sees-default": "def f(): print(repr(signal.getsignal(signal.SIGTERM)), flush=True)\n"
    "p = multiprocessing.get_context('fork').Process(target=f); p.start(); p.join()",
    "command-left": "subprocess.Popen([sys.executable, '-c', 'pass'])",
    "forked-child-ends": "sys.stdout.flush()\n"
    "if os.fork(): sys.exit(os.wait()[1] >> 8)\nsys.exit(4)",
    "forked-child-dies": "sys.stdout.flush()\n"
    "if os.fork(): sys.exit(os.waitstatus_to_exitcode(os.wait()[1]) + 30)\nsend('SIGTERM')",
    "replaced-by-exec": "sys.stdout.flush()\n"
    "os.execv(sys.executable, [sys.executable, '-c', 'import sys; print(1); sys.exit(3)'])",
}  # fmt: skip
MODULES = ("exit-3", "error", "keyboard-interrupt", "sigterm")
"""Run once more as `-m`."""
UNREPORTED = {
    "os-exit", "sigkill", "sigabrt", "sigusr1", "segfault", "replaced-by-exec", "full",
    "full-flushed", "own-handler-chains",
}  # fmt: skip
"""No code of ours gets a chance, or the disk is full; or the script itself chose the default."""

# Each program under `lifesigns run`, in a child that ends as Python ends.
DRIVER = """
import json, os, resource, sys
import torch._dynamo, lifesigns.cli, lifesigns.commands.run, lifesigns.watch
import stub

with lifesigns.watch() as watcher:  # what is imported late is imported once
    stub.train()
str(watcher.report), watcher.report.sarif_text()
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
for name, target in json.loads(sys.argv[1]).items():
    sys.stdout.flush()
    child = os.fork()
    if not child:
        for descriptor, end in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{name}.{end}", os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
        sys.argv = ["lifesigns", "run", "--json", f"{name}.json", *target]
        lifesigns.cli.main()
        sys.exit("the command returned")
    print(name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
"""What is printed and not sent off yet must be lost, or kept, as it is unwatched."""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


def targets():
    scripts = {name: [f"{name}.py"] for name in PROGRAMS}
    modules = {f"{name}-module": ["-m", name.replace("-", "_")] for name in MODULES}
    return {**scripts, **modules}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("endings")
    (folder / "stub.py").write_text(STUB)
    for name, end in PROGRAMS.items():
        (folder / f"{name}.py").write_text(HEAD + end + "\n")
    for name in MODULES:
        (folder / f"{name.replace('-', '_')}.py").write_text(HEAD + PROGRAMS[name] + "\n")
    return folder


def sampled(names):
    return [pytest.param(name, marks=pytest.mark.sampled(name, ())) for name in names]


def wanted(request):
    """The programs whose tests run."""
    here = [item for item in request.session.items if item.path == request.path]
    names = {item.callspec.params["name"] for item in here if "codes" in item.fixturenames}
    return {name: target for name, target in targets().items() if name in names}


@pytest.fixture(scope="module")
def codes(folder, request):
    command = [sys.executable, "-c", DRIVER, json.dumps(wanted(request))]
    done = subprocess.run(
        command, cwd=folder, env=BUFFERED, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return {name: int(code) for name, code in map(str.split, done.stdout.splitlines())}


@pytest.mark.parametrize("name", sampled(targets()))
def test_a_watched_program_ends_and_prints_as_it_does_unwatched(folder, codes, name):
    out = folder / f"{name}.unwatched"
    with out.open("ab") as stdout:
        unwatched = subprocess.run(
            [sys.executable, *targets()[name]], cwd=folder, env={**BUFFERED, "UNWATCHED": "1"},
            stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, timeout=60,
        )  # fmt: skip

    said = (folder / f"{name}.err").read_text(errors="replace")
    assert (codes[name], (folder / f"{name}.out").read_bytes()) == (
        unwatched.returncode,
        out.read_bytes(),
    ), said


@pytest.mark.parametrize("name", sampled(targets()))
def test_every_ending_that_can_be_reported_is(folder, codes, name):
    path, said = folder / f"{name}.json", (folder / f"{name}.err").read_text(errors="replace")

    assert path.exists() == (name not in UNREPORTED), said
    assert "please report this" not in said
    if path.exists():
        assert json.loads(path.read_text())["steps"] == 4


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        pytest.param("sigterm", "ended by SIGTERM", marks=pytest.mark.sampled("sigterm", ())),
        pytest.param("sighup", "ended by SIGHUP", marks=pytest.mark.sampled("sighup", ())),
        pytest.param(
            "terminated-in-join",
            "ended by SIGTERM",
            marks=pytest.mark.sampled("terminated-in-join", ()),
        ),
        pytest.param(
            "terminated-at-exit",
            "ended by SIGTERM",
            marks=pytest.mark.sampled("terminated-at-exit", ()),
        ),
        pytest.param("sigint", "interrupted", marks=pytest.mark.sampled("sigint", ())),
        pytest.param(
            "own-handler-exits",
            "failed: exit code 5",
            marks=pytest.mark.sampled("own-handler-exits", ()),
        ),
        pytest.param("ignored", "finished", marks=pytest.mark.sampled("ignored", ())),
        pytest.param("exit-256", "finished", marks=pytest.mark.sampled("exit-256", ())),
        pytest.param(
            "error-no-text",
            "failed: E: <exception str() failed>",
            marks=pytest.mark.sampled("error-no-text", ()),
        ),
    ],
)
def test_the_report_says_how_it_ended(folder, codes, name, outcome):
    assert json.loads((folder / f"{name}.json").read_text())["outcome"] == outcome


@pytest.mark.parametrize(
    "name", sampled(["plain", "sigterm", "sighup", "both-closed", "both-none"])
)
def test_the_report_reaches_standard_error_once(folder, codes, name):
    assert (folder / f"{name}.err").read_text(errors="replace").count("\ncost ") == 1


@pytest.mark.parametrize("name", sampled(["descriptor-2-reused"]))
def test_a_descriptor_that_the_script_used_again_is_not_written_to(folder, codes, name):
    assert (folder / "reused").read_bytes() == b""


UNCLOSED = """
import os, sys
file = os.fdopen(os.dup(1), "w")
file.write("kept until Python closes it")
if sys.argv[1:]:
    raise KeyboardInterrupt
"""


@pytest.mark.parametrize("arguments", [[], ["interrupt"]])
def test_what_python_does_at_its_very_end_is_done(tmp_path, arguments):
    (tmp_path / "script.py").write_text(UNCLOSED)
    command = [sys.executable, "-m", "lifesigns", "run", "script.py", *arguments]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60)

    assert done.returncode == (-signal.SIGINT if arguments else 0)
    assert done.stdout == b"kept until Python closes it"


def test_the_report_on_standard_output_follows_what_the_script_printed(tmp_path):
    (tmp_path / "script.py").write_text("print('mine')")
    command = [sys.executable, "-m", "lifesigns", "run", "--json", "-", "script.py"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    assert done.stdout.startswith("mine\n{")
    assert json.loads(done.stdout.removeprefix("mine\n"))["outcome"] == "finished"
