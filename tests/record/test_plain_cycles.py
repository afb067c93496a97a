"""The class that is written in C does what is asked of it, and leaves nothing behind."""

import gc
import math
import sys
import weakref
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lifesigns._programs import SWITCH, compiler
from lifesigns.record import Recorder
from lifesigns.record.attach.followed_thread import TrainingThread
from lifesigns.record.plain import building, plain_cycles
from lifesigns.record.plain.by_python import PlainCycles

needs_compiler = pytest.mark.skipif(
    building.compiled_cycles() is None, reason="there is no C compiler, or no header of Python"
)


class Quitting:
    """A host in which the user ends the program."""

    def look(self, loss, gradients):
        raise KeyboardInterrupt

    stepped = after = look


@needs_compiler
def test_it_has_every_field_of_its_twin():
    def fields(cls):
        return {name for name in dir(cls) if not name.startswith("_")}

    assert fields(building.compiled_cycles()) == fields(PlainCycles)


@needs_compiler
@pytest.mark.parametrize("arguments", [(), (1,), (1, 2, 3)])
def test_it_refuses_another_number_of_arguments(arguments):
    cycles = building.compiled_cycles()(Quitting(), TrainingThread())
    with pytest.raises(TypeError, match="2 arguments are expected"):
        cycles.notes(*arguments)


@needs_compiler
def test_what_is_no_failure_goes_on_to_the_user():
    cycles = building.compiled_cycles()(Quitting(), TrainingThread())
    with pytest.raises(KeyboardInterrupt):
        cycles.notes(torch.ones(()), None)


@needs_compiler
def test_it_goes_with_its_host():
    host = Quitting()
    host.cycles = building.compiled_cycles()(host, TrainingThread())
    left = weakref.ref(host)
    del host
    gc.collect()
    assert left() is None


@needs_compiler
def test_a_long_training_leaves_no_object_behind(recording):
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    recorder = recording(every=100_000)

    def train(steps):
        for _ in range(steps):
            optimizer.zero_grad()
            model(torch.ones(4, 3)).square().mean().backward()
            optimizer.step()
        recorder.steps  # noqa: B018 (what was kept is told)
        gc.collect()
        return sys.getallocatedblocks()

    before = train(2000)
    assert abs(train(2000) - before) < 100


@needs_compiler
def test_the_first_run_counts_in_python_and_has_it_compiled(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(SWITCH)
    building.compiled_cycles.cache_clear()
    try:
        assert type(plain_cycles(Quitting(), TrainingThread())) is PlainCycles
    finally:
        building.compiled_cycles.cache_clear()


@pytest.mark.skipif(compiler() is None, reason="there is no C compiler")
@pytest.mark.parametrize("told", ["pypy", "free-threaded", "without headers"])
def test_another_python_counts_in_python(monkeypatch, tmp_path, told):
    if told == "pypy":
        monkeypatch.setattr(building.platform, "python_implementation", lambda: "PyPy")
    elif told == "free-threaded":
        monkeypatch.setattr(building.sysconfig, "get_config_var", lambda name: 1)
    else:
        monkeypatch.setattr(building.sysconfig, "get_path", lambda name: str(tmp_path))
    building.compiled_cycles.cache_clear()
    try:
        assert building.compiled_cycles() is None
    finally:
        building.compiled_cycles.cache_clear()


# --- both do the same, whatever a program does in turns -------------------------------------------
X, Y = torch.linspace(-1, 1, 48).reshape(16, 3), torch.arange(16) % 2


def step(model, optimizer, factor=1.0, passes=1):
    optimizer.zero_grad()
    for _ in range(passes):
        (nn.functional.cross_entropy(model(X), Y) + math.log(factor)).backward()
    optimizer.step()


def squares(model, optimizer):
    optimizer.zero_grad()
    model(X).square().mean().backward()
    optimizer.step()


def refused(model, optimizer):
    loss = nn.functional.cross_entropy(model(X), Y)
    loss.backward()
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def slower(model, optimizer):
    optimizer.param_groups[0]["lr"] *= 0.9
    step(model, optimizer)


EVENTS = {
    "plain": step,
    "twice": partial(step, passes=2),
    "spike": partial(step, factor=1e9),
    "lost": partial(step, factor=math.inf),
    "squares": squares,
    "refused": refused,
    "slower": slower,
    "no pass": lambda model, optimizer: optimizer.step(),
    "evaluated": lambda model, optimizer: (model.eval(), model(X), model.train()),
    "looked at": lambda model, _: torch.autograd.grad(model(X).sum(), list(model.parameters())),
}


def kept(events):
    """What is kept of a training, in plain values."""
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    recorder = Recorder(model, every=10_000, strict=True)
    recorder.start()
    try:
        for name in events:
            EVENTS[name](model, optimizer)
    finally:
        recorder.stop()
    trace = recorder.trace()
    losses, rates = trace.losses, trace.rates
    numbers = losses.steps, losses.values, losses.streams, rates.steps, rates.values
    recorded = [(s.step, s.reason) for s in trace.snapshots]
    return trace.steps, recorded, trace.unseen, [str(column.tolist()) for column in numbers]


@needs_compiler
@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(sorted(EVENTS)), max_size=30).map(lambda some: [*some, "plain"]))
def test_both_keep_the_same_of_any_training(events):
    events = ["plain"] * 4 + events + ["plain"] * 3
    in_c = kept(events)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "compiled_cycles", lambda: None)
        assert kept(events) == in_c
