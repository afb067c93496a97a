"""A lab whose process is ended leaves no process behind, and goes on from where it was."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from at_once import COMMAND

SMALL = ["--data", "iris", "--net", "8", "--rate", "0.01,0.1", "--seeds", "3"]


def lifesigns(*arguments):
    command = [sys.executable, "-m", "lifesigns", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


PATIENCE = 60
"""Seconds until a test gives up waiting: far more than is ever needed."""


def until(condition):
    """Waits for a condition; whether it came true."""
    end = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def alive(processes):
    """Those of these process numbers that still run; a zombie does not."""
    return {number for number in processes if _state(number) not in ("", "Z", "X")}


def _state(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def descendants(number):
    found, waiting = set(), [number]
    while waiting:
        parent = waiting.pop()
        for tasks in Path(f"/proc/{parent}/task").glob("*/children"):
            children = [int(child) for child in tasks.read_text().split()]
            found.update(children)
            waiting += children
    return found


def interrupted_by(ending, out, steps):
    """A lab of two workers that was ended in its middle; its options, and what it had kept."""
    slow = [*SMALL, "--activation", "tanh,relu,sigmoid,elu", "--jobs", "2", "--steps", steps]
    command = [*COMMAND, "lab", *map(str, slow), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert until(lambda: list(out.glob("units/*.npz")) or process.poll() is not None)
    children = descendants(process.pid)
    process.send_signal(ending)
    assert process.wait(PATIENCE) == -ending
    assert len(children) >= 2
    return slow, children


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="there is no /proc to look for processes in"
)


@needs_proc
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_workers_end_with_their_parent_however_it_ends(tmp_path, ending):
    _, children = interrupted_by(ending, tmp_path, steps=100_000)

    assert until(lambda: not alive(children))


@needs_proc
def test_after_a_kill_no_worker_is_left_and_the_same_command_goes_on(tmp_path):
    options, children = interrupted_by(signal.SIGKILL, tmp_path, steps=10_000)
    assert until(lambda: not alive(children))
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("units/*.npz")}

    again = lifesigns("lab", *options, "--out", tmp_path)

    now = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("units/*.npz")}
    assert again.returncode == 0, again.stderr
    assert kept.items() <= now.items()
    assert len(now) > len(kept)
