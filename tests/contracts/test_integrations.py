"""What every integration promises. Add a framework to `frameworks.FRAMEWORKS`.

A framework whose library is not installed is skipped, by name.
"""

import contextlib
import pickle
import random
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from contracts.frameworks import FRAMEWORKS, network, ready
from torch import nn
from torch.nn.modules import module as module_hooks
from torch.optim import optimizer as optimizer_hooks

from lifesigns._errors import UsageError
from lifesigns.records import Severity

pytestmark = [  # what the libraries warn of is theirs to mend; what we do is an error
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.filterwarnings("error:::lifesigns"),
]


class Mistake(Exception):
    """One of the user's own."""


@pytest.fixture(params=FRAMEWORKS, ids=lambda framework: framework.name)
def framework(request, monkeypatch, tmp_path):
    if not request.param.is_installed:
        pytest.skip(f"{request.param.library or request.param.name} is not installed")
    monkeypatch.chdir(tmp_path)
    ready()
    handler = signal.getsignal(signal.SIGINT)
    yield request.param
    signal.signal(signal.SIGINT, handler)  # Lightning ignores it after Ctrl-C


def attached():
    """What of the process may lead to a recorder."""
    functions = torch.autograd.backward, torch.autograd.graph._engine_run_backward
    module = [vars(module_hooks)[n] for n in vars(module_hooks) if n.startswith("_global_")]
    steps = [vars(optimizer_hooks)[n] for n in vars(optimizer_hooks) if n.startswith("_global_")]
    hooks = [len(h) for h in module + steps if hasattr(h, "__len__")]
    return (*functions, torch.autograd._engine_run_backward, hooks)


def trained(framework, body, eye):
    """Everything that a training leaves behind, to the bit."""
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    framework.train(eye, body)
    return [
        *(p.detach().clone() for p in body.state_dict().values() if torch.is_tensor(p)),
        torch.get_rng_state(),
        torch.tensor(random.random()),
        torch.tensor(np.random.rand()),  # noqa: NPY002
    ]


def ending(framework, error, eye=None):
    """What the user sees of an exception within a training."""
    body = framework.network(error=error)
    with contextlib.ExitStack() as stack:
        try:
            if eye is not None and not framework.tells_exceptions:
                stack.enter_context(eye)
            framework.train(eye, body)
        except BaseException as seen:
            stack.__exit__(type(seen), seen, seen.__traceback__)
            return seen
    return None


def test_a_fault_is_found_at_its_place(framework, capsys):
    eye = framework.eye()

    framework.train(eye, framework.network(faulty=True))

    found = {finding.rule: finding for finding in eye.findings}
    assert found["doubled-softmax"].site == framework.place
    assert "doubled-softmax" in capsys.readouterr().err


def test_healthy_training_is_silent_and_as_it_is_unwatched(framework, capsys):
    before, eye = attached(), framework.eye(html="page.html")
    unwatched = trained(framework, framework.network(), None)
    capsys.readouterr()

    body = framework.network()
    watched = trained(framework, body, eye)

    assert len(unwatched) == len(watched)
    assert all(torch.equal(a, b) for a, b in zip(unwatched, watched, strict=True))
    assert [f for f in eye.findings if f.severity is not Severity.NOTE] == []
    assert eye.report.trace.info.outcome == "finished"
    assert "lifesigns" in capsys.readouterr().err
    assert Path("page.html").read_text(encoding="utf-8").lower().startswith("<!doctype html>")
    assert attached() == before
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in body.modules())


def test_places_and_optimizers_have_their_own_names(framework):
    eye = framework.eye(show=False, every=1)

    framework.train(eye, framework.network())

    trace = eye.report.trace
    assert trace.optimizers == tuple(filter(None, [framework.optimizer]))
    assert framework.weight in [p.name for p in trace.snapshots[-1].parameters]
    assert not any(
        wrapper in site.name
        for snapshot in trace.snapshots
        for site in snapshot.graph.sites
        for wrapper in ("module.", "_orig_mod", "_torch_params")
    )
    assert all(p.update_rms > 0 for p in trace.snapshots[0].parameters)


def test_a_network_within_a_wrapper_has_the_names_it_has_without(framework):
    if framework.network is not network:
        pytest.skip(f"{framework.name} has networks of its own")
    plain, wrapped = framework.eye(show=False), framework.eye(show=False)

    framework.train(plain, network())
    framework.train(wrapped, nn.DataParallel(network()))  # which on a CPU only hands on

    one, other = (eye.report.trace.snapshots[0] for eye in (plain, wrapped))
    assert [s.name for s in one.graph.sites] == [s.name for s in other.graph.sites]
    assert [p.name for p in one.parameters] == [p.name for p in other.parameters]


@pytest.mark.parametrize("error", [Mistake("mine"), KeyboardInterrupt()], ids=["mistake", "Ctrl-C"])
def test_an_exception_passes_through_untouched(framework, error, capsys):
    before, eye = attached(), framework.eye()
    unwatched = ending(framework, error)

    seen = ending(framework, error, eye)

    assert type(seen) is type(unwatched)
    assert (seen is error) == (unwatched is error)
    assert attached() == before
    assert eye.report.trace.recorded_steps > 0
    assert "lifesigns" in capsys.readouterr().err
    if isinstance(error, Mistake):
        assert eye.report.trace.info.outcome == "failed: Mistake"


def test_without_an_end_the_next_training_or_the_collector_ends_it(framework, capsys):
    if framework.tells_exceptions:
        pytest.skip(f"{framework.name} tells callbacks of exceptions")
    before, eye = attached(), framework.eye()
    with contextlib.suppress(Mistake):
        framework.train(eye, framework.network(error=Mistake()))
    lost = eye.watcher

    framework.train(eye, framework.network())

    assert lost.trace.info.outcome == "interrupted"
    assert eye.watcher is not lost
    assert attached() == before


def test_a_callback_can_be_copied_and_says_what_it_has_not_seen(framework):
    eye = framework.eye(every=3)

    again = pickle.loads(pickle.dumps(eye))

    assert again._watching == {"every": 3}
    with pytest.raises(UsageError, match="Nothing was trained yet"):
        _ = again.report
