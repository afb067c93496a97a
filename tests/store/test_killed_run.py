"""A real watched training run, killed at random moments, leaves a run file that can be shown."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

from lifesigns._errors import RunFileError
from lifesigns.rules import judge
from lifesigns.store import as_left, read_run
from lifesigns.store.writing import KILLED

KILLS = 20

SCRIPT = """
import os, struct, sys
import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)
log = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
while True:
    inputs = torch.randn(32, 8)
    loss = nn.functional.cross_entropy(model(inputs), inputs[:, :3].argmax(1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    os.write(log, struct.pack("<d", loss.item()))
"""

# `python -m lifesigns run ...` without paying for the import of torch twenty times.
RUN_AND_KILL = """
import gc, os, random, runpy, signal, sys, time
from pathlib import Path

import torch
import torch._dynamo
import lifesigns.cli, lifesigns.commands.run, lifesigns.watch

gc.freeze()  # what is here never becomes garbage: no child need look at it
folder, kills = Path(sys.argv[1]), int(sys.argv[2])
chance = random.Random(0)
for number in range(kills):
    save, log = folder / f"{number}.ls", folder / f"{number}.log"
    child = os.fork()
    if not child:
        options = ["run", "--every", "1", "--save", str(save), str(folder / "train.py"), str(log)]
        sys.argv = ["lifesigns", *options]
        runpy.run_module("lifesigns", run_name="__main__", alter_sys=True)
        os._exit(99)
    steps = chance.randrange(60)
    while steps and (not log.exists() or log.stat().st_size < 8 * steps):
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "the run ended by itself"
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.1))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), status
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_killed_training_leaves_all_its_steps_but_the_last(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    command = [sys.executable, "-c", RUN_AND_KILL, str(tmp_path), str(KILLS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert (done.stderr, done.returncode) == ("", 0)

    lengths = []
    for number in range(KILLS):
        path, log = tmp_path / f"{number}.ls", tmp_path / f"{number}.log"
        true_losses = np.fromfile(log, "<f8") if log.exists() else np.zeros(0)
        try:
            trace = read_run(path)
        except RunFileError:
            assert len(true_losses) == 0  # killed before it began to train
            continue
        steps = len(trace.snapshots)
        lengths.append(steps)
        assert [s.step for s in trace.snapshots] == list(range(steps))
        assert len(true_losses) - 1 <= steps <= len(true_losses) + 1
        stored = trace.losses.values[: len(true_losses)]
        np.testing.assert_array_equal(stored, true_losses[: len(stored)])
        assert len(stored) >= len(true_losses) - 1
        assert trace.info.outcome == "running"
        left = as_left(trace, path).info.outcome
        assert left == (KILLED if sys.platform.startswith("linux") else "running")
        judge(trace)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    assert len(lengths) >= KILLS / 2
    assert max(lengths) >= 30
