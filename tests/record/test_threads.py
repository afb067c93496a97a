"""What other threads train is theirs: one thread is followed, and the others train undisturbed."""

import subprocess
import sys
import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lifesigns.record.attach import followed_thread as following
from lifesigns.record.attach.followed_thread import TrainingThread

EIGHT_THREADS = """
import sys, threading
import torch
from torch import nn

torch.set_num_threads(1)
generator = torch.Generator().manual_seed(0)
x = torch.randn(64, 32, generator=generator)
y = torch.randint(0, 10, (64,), generator=generator)
torch.manual_seed(0)
models = [nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 10)) for _ in range(8)]

def train(model):
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(100):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

threads = [threading.Thread(target=train, args=(model,)) for model in models]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
parameters = [p for model in models for p in model.parameters()]
state = [*parameters, *(p.grad for p in parameters)]
print([t.detach().numpy().tobytes().hex() for t in state])
"""


def network():
    """Without units that could be dead from the start."""
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def train(model, optimizer=None, steps=1):
    """A few steps on the same batch."""
    optimizer = optimizer or torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(torch.ones(4, 3)), torch.tensor([0, 1, 0, 1])).backward()
        optimizer.step()


def elsewhere(action, *arguments):
    """Runs something in a thread of its own, to its end."""
    with_result = []
    thread = threading.Thread(target=lambda: with_result.append(action(*arguments)))
    thread.start()
    thread.join()
    return with_result[0]


class Worker:
    """A thread that stays alive and does what it is given."""

    def __init__(self):
        self._jobs, self._turn, self._done = [], threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self):
        while True:
            self._turn.acquire()
            if not self._jobs:
                return
            self._jobs.pop()()
            self._done.release()

    def __call__(self, action, *arguments):
        self._jobs.append(lambda: action(*arguments))
        self._turn.release()
        self._done.acquire()

    def end(self):
        self._turn.release()
        self._thread.join()


@pytest.fixture
def worker():
    made = Worker()
    yield made
    made.end()


@pytest.fixture
def impatient(monkeypatch):
    """A thread that trains nothing is left at once."""
    monkeypatch.setattr(following, "PASSES", 2)
    monkeypatch.setattr(following, "SECONDS", 0.0)


def unseen(recorder):
    return " ".join(recorder.trace().unseen)


@pytest.mark.parametrize("options", [["--every", "1"], []], ids=["every step", "by budget"])
def test_eight_threads_train_the_same_to_the_last_bit_while_they_are_watched(tmp_path, options):
    script = tmp_path / "train.py"
    script.write_text(EIGHT_THREADS)
    command = [sys.executable, "-m", "lifesigns", "run", *options, str(script)]

    plain = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    watched = subprocess.run(command, capture_output=True, text=True)

    assert (plain.returncode, watched.returncode) == (0, 0), watched.stderr
    assert plain.stdout == watched.stdout
    assert "backward passes in other threads" in watched.stderr
    assert "recorder failed" not in watched.stderr


def test_passes_of_another_thread_are_left_out_and_counted(recording, worker):
    recorder = recording(every=1)
    train(network(), steps=3)

    worker(train, network(), None, 5)

    assert (recorder.steps, len(recorder.trace().losses.steps)) == (3, 3)
    assert "5 backward passes in other threads" in unseen(recorder)


def test_a_step_of_another_thread_does_not_end_the_cycle(recording, worker):
    recorder, model, other = recording(every=1), network(), network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    train(model, optimizer)

    F.cross_entropy(model(torch.ones(4, 3)), torch.tensor([0, 1, 0, 1])).backward()
    worker(train, other)
    assert recorder.steps == 1
    optimizer.step()

    assert recorder.steps == 2
    assert recorder.trace().snapshots[1].parameters[0].update_rms > 0


def test_an_optimizer_that_is_known_may_step_in_another_thread(recording, worker):
    recorder, model = recording(every=1), network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    train(model, optimizer)

    F.cross_entropy(model(torch.ones(4, 3)), torch.tensor([0, 1, 0, 1])).backward()
    worker(optimizer.step)

    assert recorder.steps == 2


def test_parameters_a_pass_does_not_lead_to_are_read_as_long_as_one_thread_trains(recording):
    recorder, model = recording(every=1), nn.ModuleDict({"a": network(), "b": network()})
    model.forward = lambda x: model["a"](x)

    train(model)

    idle = {p.name: p for p in recorder.trace().snapshots[0].parameters}["b.0.weight"]
    assert not idle.reached
    assert idle.weight_rms > 0


def test_parameters_a_pass_does_not_lead_to_may_be_another_threads(recording, worker):
    recorder, model = recording(every=1), nn.ModuleDict({"a": network(), "b": network()})
    model.forward = lambda x: model["a"](x)
    train(model)
    worker(train, model["b"])

    train(model)

    readings = {p.name: p for p in recorder.trace().snapshots[-1].parameters}
    assert readings["a.0.weight"].gradient_rms > 0
    assert readings["b.0.weight"].shape == (4, 3)
    assert not readings["b.0.weight"].reached
    assert readings["b.0.weight"].nonfinite_weights == 0
    assert readings["b.0.weight"].weight_rms != readings["b.0.weight"].weight_rms


def test_a_second_pass_of_the_cycle_reads_the_parameters_it_is_the_first_to_reach(
    recording, worker
):
    model = nn.ModuleDict({"a": network(), "b": network()})
    model.forward = lambda x, part: model[part](x)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    recorder = recording(model, [optimizer], every=1)
    for _ in range(2):
        optimizer.zero_grad()
        for part in "ab":
            model(torch.ones(4, 3), part).square().mean().backward()
        optimizer.step()
        worker(train, network())

    last = {p.name: p for p in recorder.trace().snapshots[-1].parameters}
    for part in "ab":
        reading = last[f"{part}.0.weight"]
        assert reading.gradient_rms > 0
        assert reading.update_rms > 0
        assert reading.stale_gradient_rms == 0


def test_when_the_thread_has_ended_another_is_followed(recording):
    recorder = recording(every=1)
    elsewhere(train, network(), None, 3)

    train(network(), steps=2)

    trace = recorder.trace()
    assert (trace.steps, len(trace.snapshots)) == (5, 5)
    assert [p.name for p in trace.snapshots[-1].parameters] == [
        "0.weight",
        "0.bias",
        "2.weight",
        "2.bias",
    ]
    assert trace.unseen == ()


def test_a_thread_that_trains_no_longer_is_left(recording, worker, impatient):
    recorder = recording(every=1)
    train(network(), steps=2)

    worker(train, network(), None, 6)

    trace = recorder.trace()
    assert trace.steps == 2 + 6 - 2
    assert "2 backward passes in other threads" in unseen(recorder)
    assert [s.step for s in trace.snapshots] == list(range(6))


def test_what_a_thread_left_unfinished_is_delivered_without_its_parameters(
    recording, worker, impatient
):
    recorder, model = recording(every=1), network()
    F.cross_entropy(model(torch.ones(4, 3)), torch.tensor([0, 1, 0, 1])).backward()

    worker(train, network(), None, 4)

    first, second, *_ = recorder.trace().snapshots
    assert (first.step, first.parameters) == (0, ())
    assert (second.step, len(second.parameters)) == (1, 4)


def test_a_model_that_was_given_is_looked_for_in_every_thread(recording, worker):
    model = network()
    recorder = recording(model, every=1)
    train(network(), steps=2)

    worker(train, model, None, 3)

    assert len(recorder.trace().snapshots) == 3
    assert "2 backward passes did not lead to the watched model" in unseen(recorder)


def test_a_pass_that_is_going_on_is_not_left():
    thread = TrainingThread()
    thread.follow()
    thread.enter()

    left = [elsewhere(thread.is_left) for _ in range(following.PASSES + 1)]
    thread.leave()

    assert not any(left)
    assert thread.left_out == following.PASSES + 1


def test_stopping_in_another_thread_leaves_the_parameters_alone(recording, worker):
    recorder, model = recording(every=1), network()
    loss = F.cross_entropy(model(torch.ones(4, 3)), torch.tensor([0, 1, 0, 1]))
    worker(loss.backward)

    recorder.stop()

    (snapshot,) = recorder.trace().snapshots
    assert snapshot.parameters == ()
