"""Forked children are left alone, and ranks that train together are not disturbed."""

import os
import socket
import subprocess
import sys
import warnings

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lifesigns.record import Recorder
from lifesigns.record.attach import backward as _backward

torch.set_num_threads(1)

forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
gloo = pytest.mark.skipif(
    not (dist.is_available() and dist.is_gloo_available()), reason="torch without gloo"
)
GOOD = 7


def in_a_child(action):
    """The exit code of `action`, run in a forked child."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads that torch has started
        child = os.fork()
    if child == 0:
        code = 1
        try:
            code = GOOD if action() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def training(network, batch, recording):
    """A step of training, watched; and what was delivered of it."""
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    x, y = batch
    delivered = []

    def step():
        optimizer.zero_grad()
        F.cross_entropy(network(x), y).backward()
        optimizer.step()

    recorder = recording(every=1, on_snapshot=delivered.append)
    return recorder, step, delivered


@forking
def test_a_forked_child_is_not_recorded(training):
    recorder, step, delivered = training
    step()
    before = torch.autograd.backward

    def child():
        seen = len(delivered), recorder.steps
        step()
        step()
        recorder.stop()
        unwatched = torch.autograd.backward not in _backward._wrapped
        return unwatched and (len(delivered), recorder.steps) == seen

    assert in_a_child(child) == GOOD
    step()
    assert torch.autograd.backward is before
    assert (recorder.steps, len(delivered)) == (2, 2)


@forking
def test_a_child_forked_while_another_thread_holds_the_lock_is_not_blocked(training):
    recorder, step, _ = training
    with recorder._parts.guard._lock:
        assert in_a_child(lambda: (step(), True)[1]) == GOOD


@forking
def test_a_recorder_started_in_a_child_works_there(training):
    _, step, _ = training

    def child():
        own = Recorder(every=1, strict=True)
        own.start()
        step()
        own.stop()
        return len(own.trace().snapshots) == 1

    assert in_a_child(child) == GOOD


@forking
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_workers_that_load_data_leave_the_recording_alone(network, batch, recording):
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    loader = DataLoader(TensorDataset(*batch), 4, num_workers=1, multiprocessing_context="fork")
    recorder = recording(every=1)
    for x, y in loader:
        F.cross_entropy(network(x), y).backward()
        optimizer.step()
    assert [s.step for s in recorder.trace().snapshots] == [0, 1]


@forking
def test_a_child_that_comes_to_the_end_of_the_script_does_not_report(tmp_path):
    script, report = tmp_path / "train.py", tmp_path / "report.json"
    script.write_text(
        "import os, sys, torch\n"
        "model = torch.nn.Linear(2, 1)\n"
        "model(torch.ones(3, 2)).sum().backward()\n"
        "child = os.fork()\n"
        "if child:\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
        "    assert not os.path.exists(sys.argv[1])\n"
    )
    command = [sys.executable, "-m", "lifesigns", "run", "--json", str(report)]
    ended = subprocess.run([*command, str(script), str(report)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert report.exists()


# --- two ranks ------------------------------------------------------------------------------------
def free_port():
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


def train(rank, watched):
    """Weights, gradients, random state and readings of one training of this rank."""
    torch.manual_seed(0)
    layers = [nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3)]
    model = nn.parallel.DistributedDataParallel(nn.Sequential(*layers))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    recorder = Recorder(every=1, strict=True)
    if watched:
        recorder.start()
    torch.manual_seed(1 + rank)
    for _ in range(4):
        optimizer.zero_grad()
        F.cross_entropy(model(torch.randn(8, 4)), torch.arange(8) % 3).backward()
        optimizer.step()
    recorder.stop()
    state = [*model.state_dict().values(), *(p.grad for p in model.parameters())]
    readings = [p for s in recorder.trace().snapshots for p in s.parameters]
    read = [(p.gradient_rms, p.stale_gradient_rms) for p in readings]
    return [*state, torch.get_rng_state()], read


def train_together(rank, port, folder):
    """Trains twice as one of two ranks, the second time with rank 0 watched."""
    torch.set_num_threads(1)
    store = dist.TCPStore("127.0.0.1", port, 2, is_master=rank == 0)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2)
    torch.save((train(rank, False), train(rank, rank == 0)), folder / str(rank))
    dist.destroy_process_group()


@gloo
def test_two_ranks_train_the_same_to_the_last_bit_while_one_is_watched(tmp_path):
    context, port = torch.multiprocessing.get_context("spawn"), free_port()
    ranks = [
        context.Process(target=train_together, args=(rank, port, tmp_path)) for rank in range(2)
    ]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(120)
        rank.kill()

    assert [rank.exitcode for rank in ranks] == [0, 0]
    for rank in range(2):
        (plain, nothing), (watched, read) = torch.load(tmp_path / str(rank))
        assert len(plain) == len(watched) > 10
        assert all(map(torch.equal, plain, watched))
        assert nothing == []
        assert len(read) == (4 * 6 if rank == 0 else 0)
        assert all(gradient > 0 and stale == 0 for gradient, stale in read)
