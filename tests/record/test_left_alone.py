"""What belongs to the program and happens to pass by the recorder is left alone."""

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from lifesigns.commands._run import signals
from lifesigns.record import Recorder
from lifesigns.record.attach.guard import Guard
from lifesigns.record.graph.prediction import first_tensor


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def step(model, optimizer, x=None):
    x = torch.randn(16, 4) if x is None else x
    loss = F.cross_entropy(model(x), torch.arange(16) % 3)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@pytest.fixture
def recorder():
    recorder = Recorder(every=1)
    recorder.start()
    yield recorder
    recorder.stop()
    assert recorder.trace().unseen == ()


def test_memory_of_another_library_is_given_back_before_the_backward_pass(recorder):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network()

        def forward(self, x):
            return self.inner(2 * x)

    model, values = Scaled(), np.ones((16, 4), np.float32)
    x = torch.from_numpy(values)
    loss = F.cross_entropy(model(x), torch.arange(16) % 3)
    del x

    values.resize((32, 4))  # refused as long as anybody holds the memory
    loss.backward()
    recorder.stop()

    assert recorder.trace().snapshots[0].batch.shape == (16, 4)


def test_an_exception_of_a_signal_handler_reaches_the_program():
    class TimeoutOfTheUser(Exception):
        pass

    def ring(number, frame):
        raise TimeoutOfTheUser

    guard = Guard(strict=False, give_up=lambda: None)
    before = signal.signal(signal.SIGALRM, ring)
    try:
        with pytest.raises(TimeoutOfTheUser):
            guard(signal.raise_signal, signal.SIGALRM)
        guard(int, "a failure of ours")
    finally:
        signal.signal(signal.SIGALRM, before)

    assert list(guard.failures) == [
        "ValueError: invalid literal for int() with base 10: 'a failure of ours'"
    ]


def test_a_handler_that_resets_itself_before_it_raises_reaches_the_program():
    class Stop(Exception):
        pass

    def ring(number, *frame):
        signal.signal(number, signal.SIG_DFL)
        raise Stop

    guard = Guard(strict=False, give_up=lambda: None)
    before = signal.signal(signal.SIGALRM, ring)
    try:
        with pytest.raises(Stop):
            guard(signal.raise_signal, signal.SIGALRM)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_signals_are_obeyed_at_once_where_the_program_runs_inside_of_us():
    assert [path for path in signals.PASSED_THROUGH if not Path(path).is_file()] == []


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_module_can_be_traced_while_a_step_is_armed(recorder):
    model = network().eval()

    traced = torch.jit.trace(model, torch.randn(16, 4))

    assert "detach" not in str(traced.graph)


def test_a_mode_of_the_user_sees_its_own_operations_only(recorder):
    class Noisy(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), options=None):
            result = function(*arguments, **(options or {}))
            floats = isinstance(result, torch.Tensor) and result.is_floating_point()
            return result + 0 if floats and "sum" in str(function) else result

    def train(watched):
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        with Noisy():
            for _ in range(3):
                step(model, optimizer)
        return [p.detach() for p in model.parameters()]

    watched = train(recorder)
    recorder.stop()

    for one, other in zip(watched, train(None), strict=True):
        assert torch.equal(one, other)


class Noting:
    """Code of the user that notes the operations it sees, each by its name."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen


class DispatchMode(Noting, TorchDispatchMode):
    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        self.seen.append(str(function))
        return function(*arguments, **(options or {}))


class FunctionMode(Noting, TorchFunctionMode):
    def __torch_function__(self, function, types, arguments=(), options=None):
        self.seen.append(getattr(function, "__qualname__", str(function)))
        return function(*arguments, **(options or {}))


def by_backward(loss, parameters, optimizer):
    torch.autograd.backward(loss)
    optimizer.step()


def by_grad(loss, parameters, optimizer):
    for p, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        p.grad = gradient
    optimizer.step()


def without_an_optimizer(loss, parameters, optimizer):
    loss.backward()
    with torch.no_grad():
        for p in parameters:
            p -= 0.1 * p.grad
            p.grad = None


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("update", [by_backward, by_grad, without_an_optimizer])
@pytest.mark.parametrize("mode", [DispatchMode, FunctionMode])
def test_a_mode_of_the_user_sees_no_operation_of_ours(mode, update, every):
    def operations(recorder):
        """What the mode sees of a training that is watched or not."""
        seen, model = [], network()
        parameters = list(model.parameters())
        optimizer = torch.optim.SGD(parameters, 0.1)
        with mode(seen):
            for _ in range(4):
                x = torch.from_numpy(np.ones((16, 4), np.float32))  # its memory is another's
                optimizer.zero_grad()
                update(F.cross_entropy(model(x), torch.arange(16) % 3), parameters, optimizer)
                if recorder is not None:
                    recorder.trace()
            if recorder is not None:
                recorder.stop()
        return seen

    recorder = Recorder(every=every, strict=True)
    recorder.start()
    watched = operations(recorder)

    assert recorder.trace().snapshots
    assert watched == operations(None)


def test_looking_for_the_prediction_runs_no_code_of_the_user():
    class Lazy(Mapping):
        def __getitem__(self, key):
            pytest.fail("looked into")

        def __iter__(self):
            pytest.fail("looked into")

        def __len__(self):
            return 1

    @dataclass
    class Output:
        own: object = None
        value: torch.Tensor = field(init=False)

    output = Output()
    output.own = output

    assert first_tensor(Lazy()) is None
    assert first_tensor(output) is None


class Unset:
    """A rate that is no number yet, and says so in its own way."""

    def __float__(self):
        raise KeyError("unset")


@pytest.mark.parametrize("rate", [None, "auto", Unset()])
def test_an_optimizer_without_a_number_for_its_rate_is_no_failure(recorder, rate):
    class Own(torch.optim.SGD):
        def step(self):
            with torch.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        p -= 0.1 * p.grad

    model = network()
    optimizer = Own(model.parameters(), 0.1)
    optimizer.param_groups[0]["lr"] = rate

    for _ in range(3):
        step(model, optimizer)

    assert len(recorder.trace().snapshots) == 3


def test_parameters_that_are_computed_bring_no_warning(recorder):
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    original = model[0]._parameters["weight"]
    model[0]._parameters["weight"] = 2 * original
    F.cross_entropy(model(torch.randn(16, 4)), torch.arange(16) % 3).backward()
    model[0]._parameters["weight"] = original

    optimizer.step()

    assert original.grad is not None


def test_watching_does_not_import_dynamo():
    import subprocess

    code = (
        "import sys, torch; from lifesigns.record import Recorder; r = Recorder(); r.start();"
        "torch.nn.Linear(2, 1)(torch.ones(3, 2)).sum().backward(); r.stop();"
        "assert r.trace().recorded_steps == 1; assert 'torch._dynamo' not in sys.modules"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
