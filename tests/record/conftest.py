"""Every recorder that a test starts is stopped, and leaves nothing behind."""

import sys

import pytest
import torch
from torch import nn
from torch.nn.modules import module as module_hooks
from torch.optim import optimizer as optimizer_hooks

from lifesigns.record import Recorder

HOOKS = (
    module_hooks._global_forward_pre_hooks,
    module_hooks._global_forward_hooks,
    module_hooks._global_forward_hooks_always_called,
    optimizer_hooks._global_optimizer_pre_hooks,
    optimizer_hooks._global_optimizer_post_hooks,
)


def stance():
    """The stance compiled code runs under."""
    dynamo = sys.modules.get("torch._dynamo.eval_frame")
    return "default" if dynamo is None else dynamo._stance.stance


def patched():
    """What watching changes in the process, as it is now."""
    hooks = [list(hooks) for hooks in HOOKS]
    autograd = torch.autograd.backward, torch.autograd._engine_run_backward
    return autograd, torch.compile, hooks, stance()


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    before = patched()
    yield
    assert patched() == before


@pytest.fixture
def recording():
    """Makes started recorders; in strict mode unless told otherwise."""
    started = []

    def start(model=None, optimizers=(), **options):
        recorder = Recorder(model, optimizers, **{"strict": True, **options})
        recorder.start()
        started.append(recorder)
        return recorder

    yield start
    for recorder in started:
        recorder.stop()


@pytest.fixture
def network():
    """A classifier of three features into two classes."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))


@pytest.fixture
def batch():
    """Eight samples and their classes."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(8, 3, generator=generator), torch.randint(0, 2, (8,), generator=generator)


@pytest.fixture
def fresh_compiler(tmp_path_factory, monkeypatch):
    """Compiled code of one test is not another's; generated programs are shared by all."""
    folder = tmp_path_factory.getbasetemp() / "inductor"
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(folder))
    monkeypatch.setenv("TORCHINDUCTOR_COMPILE_THREADS", "1")
    yield
    if "torch._dynamo" in sys.modules:
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
