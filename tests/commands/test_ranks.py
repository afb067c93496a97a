"""Two processes that train together: the same numbers as unwatched, one report, each with its rank.

The processes are forked from one that has torch already; `torchrun` itself starts one pair.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lifesigns.store import read_run

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system"),
    pytest.mark.skipif(
        not (torch.distributed.is_available() and torch.distributed.is_gloo_available()),
        reason="torch without gloo",
    ),
]

PROGRAM = """
import os, signal, sys
import torch, torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh

torch.set_num_threads(1)
kind, what = sys.argv[1:3]
dist.init_process_group("gloo")
rank, mesh = dist.get_rank(), init_device_mesh("cpu", (2,))
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
if what == "softmax":
    model.append(nn.Softmax(1))
if kind == "ddp":
    model = nn.parallel.DistributedDataParallel(model)
else:
    from torch.distributed.fsdp import fully_shard
    for part in (model[0], model[2], model):
        fully_shard(part, mesh=mesh)
optimizer = torch.optim.Adam(model.parameters(), 0.01)
x = torch.randn(64, 8, generator=torch.Generator().manual_seed(rank))
y = x[:, :3].argmax(1)
if what == "blank" and rank == 1:
    x = torch.zeros_like(x)
for step in range(24):
    if what == "killed" and (rank, step) == (1, 12):
        os.kill(os.getpid(), signal.SIGKILL)
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
whole = [p.full_tensor() if hasattr(p, "full_tensor") else p for p in model.parameters()]
weights = [p.detach().numpy().tobytes().hex() for p in whole]
print(f"{step} {loss.item().hex()} {weights}")  # at once: ranks share a pipe, without buffers
dist.destroy_process_group()
"""

FORKING = """
import gc, json, os, runpy, signal, socket, sys
import lifesigns.cli, lifesigns.commands.run, lifesigns.watch
import torch, torch._dynamo, torch.distributed.fsdp, torch.distributed.device_mesh
from lifesigns.commands._run import meeting

meeting.PATIENCE = meeting.IN_A_HURRY = 30.0  # a busy machine is no reason to miss anybody
gc.freeze()
for line in iter(sys.stdin.readline, ""):
    arguments, folder = json.loads(line)
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port = asked.getsockname()[1]
    told = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    children = []
    for rank in range(2):
        children.append(os.fork())
        if not children[-1]:
            for number, name in enumerate(("stdout", "stderr"), 1):
                flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC
                os.dup2(os.open(f"{folder}/{name}{rank}", flags), number)
            signal.alarm(300)  # one that hangs is to fail, and not to hold up all that follow
            os.chdir(folder)
            os.environ.update(told, RANK=str(rank), LOCAL_RANK=str(rank))
            if arguments[0] == "run":
                sys.argv = ["lifesigns", *arguments]
                runpy.run_module("lifesigns", run_name="__main__", alter_sys=True)
            else:
                sys.argv = arguments
                held = runpy.run_path(arguments[0], run_name="__main__")
                sys.stdout.flush()
                os._exit(0)  # torch may wait for ever where the network of DDP is freed: its thread
                # of gloo wants the interpreter, and the interpreter waits for that thread
            sys.exit()
    ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    print(json.dumps(ended), flush=True)
"""


class Pairs:
    """Starts pairs of processes, one pair after the other, in a folder."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "train.py").write_text(PROGRAM)
        environment = os.environ | {"TMPDIR": str(folder)}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        command = [sys.executable, "-W", "ignore", "-c", FORKING]
        self._process = subprocess.Popen(command, env=environment, **pipes)

    def __call__(self, *arguments):
        """Exit codes, standard outputs and standard errors of both ranks."""
        self._process.stdin.write(json.dumps([arguments, str(self.folder)]) + "\n")
        self._process.stdin.flush()
        codes = json.loads(self._process.stdout.readline())
        texts = [
            [Path(self.folder, f"{name}{rank}").read_text() for rank in range(2)]
            for name in ("stdout", "stderr")
        ]
        return codes, *texts

    def left(self):
        """What the meetings of the ranks have left."""
        return list(self.folder.glob("lifesigns-*"))

    def close(self):
        self._process.communicate()


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    started = Pairs(tmp_path_factory.mktemp("pairs"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def blank(pairs):
    """A watched pair, of which rank 1 gets blank batches, with files of each kind."""
    files = ("--save", "run.lifesigns", "--json", "report.json", "--html", "page-{rank}.html")
    return pairs("run", "--every", "1", *files, "train.py", "ddp", "blank")


@pytest.fixture(scope="module")
def sharded(pairs):
    """A watched pair that holds shards, with a softmax too many."""
    report = ("--json", "sharded.json")
    return pairs("run", "--every", "1", *report, "train.py", "fsdp", "softmax")


@pytest.mark.parametrize(("kind", "what"), [("ddp", "blank"), ("fsdp", "softmax")])
def test_two_ranks_train_the_same_to_the_last_bit(pairs, blank, sharded, kind, what):
    codes, plain, _ = pairs("train.py", kind, what)
    watched = blank if kind == "ddp" else sharded

    assert codes == watched[0] == [0, 0], watched[2]
    assert plain == watched[1]
    assert len(plain[0]) > 500
    assert not pairs.left()


def test_one_report_names_the_rank_of_a_fault(pairs, blank):
    first, second = blank[2]

    assert second == ""
    assert first.count("not seen") == 1
    assert "on rank 1 of 2: the input is the same for every sample" in first
    assert "ranks 0 and 1 of 2" in first
    assert "the RMS of the input is 1.02 on rank 0; 0 on rank 1" in first
    ranks = json.loads((pairs.folder / "report.json").read_text())["ranks"]
    assert {"rule": "constant-features", "site": "input", "ranks": [1]} in ranks["findings"]
    assert (ranks["world"], ranks["joined"], ranks["missing"]) == (2, [0, 1], {})


def test_each_rank_has_a_run_file_and_a_page_of_its_own(pairs, blank):
    runs = [read_run(pairs.folder / f"run-rank{rank}.lifesigns") for rank in range(2)]

    assert [(run.info.rank, run.info.ranks) for run in runs] == [(0, 2), (1, 2)]
    assert [run.steps for run in runs] == [24, 24]
    assert {path.name for path in pairs.folder.glob("page*")} == {"page-0.html", "page-1.html"}
    assert not (pairs.folder / "run.lifesigns").exists()
    assert "each rank has kept its own run, this one run-rank0.lifesigns" in blank[2][0]


def test_sharded_parameters_have_their_names_and_are_judged_together(pairs, sharded):
    said = sharded[2][0]

    assert "doubled-softmax" in said
    assert "parameters are sharded" in said
    assert "symmetric-units" not in said
    coverage = json.loads((pairs.folder / "sharded.json").read_text())["coverage"]
    assert not any("shards" in sentence for sentence in coverage["unwatched"])


def test_a_rank_that_was_killed_is_missed_and_what_it_saw_is_read(pairs):
    codes, _, (said, _) = pairs("run", "--every", "1", "train.py", "ddp", "killed")

    assert codes[1] == -9
    assert codes[0] != 0
    assert "rank 1 died without a report: its run up to then was read" in said
    assert "outcome: failed: RuntimeError on rank 0; running on rank 1" in said
    assert not pairs.left()


def test_a_finding_on_one_rank_ends_both_at_the_same_step(pairs):
    codes, out, (said, _) = pairs(
        "run", "--every", "1", "--stop-on", "error", "train.py", "ddp", "blank"
    )

    assert (codes, out) == ([0, 0], ["", ""])
    assert "stopped at step 2: constant-features on rank 1 of 2 (--stop-on" in said


def test_torchrun_under_lifesigns_has_its_children_watched(tmp_path):
    (tmp_path / "train.py").write_text(PROGRAM)
    command = [sys.executable, "-W", "ignore", "-m", "lifesigns", "run", "--every", "8", "-m"]
    launch = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"]

    done = subprocess.run(
        [*command, *launch, "train.py", "ddp", "softmax"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("23 ") == 2
    assert done.stderr.count("LOS001 doubled-softmax") == 1
    assert "ranks 0 and 1 of 2" in done.stderr
    assert "they do not differ" in done.stderr
    assert not list(tmp_path.glob("lifesigns-*"))
