"""What one of several networks is given in evaluation, and in training."""

import pytest
import torch
from torch import nn

import lifesigns
from lifesigns.store import read_run


def adversaries(evaluate, *, path=None, steps=8):
    """A critic, then a generator whose inputs are as wide; the trace."""
    torch.manual_seed(0)
    generator, critic = nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1))
    first = torch.optim.SGD(critic.parameters(), 0.1)
    second = torch.optim.SGD(generator.parameters(), 0.1)
    watcher = lifesigns.watch(strict=True, every=1, save=path)
    for step in range(steps):
        first.zero_grad()
        (critic(torch.randn(16, 4) + 9) - critic(torch.randn(16, 4))).mean().backward()
        first.step()
        second.zero_grad()
        critic(generator(torch.rand(16, 4))).mean().backward()
        second.step()
        if step % 3 == 2:
            with torch.no_grad():
                evaluate(generator, critic)
    return watcher.detach().trace


@pytest.mark.parametrize(("which", "high"), [(0, False), (1, True)])
def test_each_has_its_own(which, high):
    trace = adversaries(lambda *both: both[which](torch.full((8, 4), 50.0)))

    assert all(one.inputs is None and one.given.mean.min() == 50 for one in trace.evaluations)
    (number,) = {one.network for one in trace.evaluations}
    batches = {
        (s.loss.details.get("network", 0), s.batch.features.mean.mean() > 4)
        for s in trace.snapshots
    }
    assert len(batches) == 2
    assert (number, high) in batches


def test_inputs_of_another_width_are_of_no_kind():
    trace = adversaries(lambda generator, _: generator(torch.ones(2, 3, 4)))
    assert trace.evaluations
    assert all(one.given is None for one in trace.evaluations)


def test_a_run_file_keeps_it(tmp_path):
    path = tmp_path / "run.ls"
    live = adversaries(lambda generator, _: generator(torch.ones(8, 4)), path=path).evaluations
    stored = read_run(path).evaluations
    assert [one.network for one in stored] == [one.network for one in live]
    assert (stored[0].given.mean == live[0].given.mean).all()


def test_one_network_alone_is_beside_none():
    torch.manual_seed(0)
    network = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    watcher = lifesigns.watch(network, strict=True, every=1)
    for _ in range(4):
        network(torch.randn(16, 4)).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad():
            network(torch.ones(8, 4))
    trace = watcher.detach().trace
    assert all(one.given is None and one.network == 0 for one in trace.evaluations)
    assert all("network" not in shot.loss.details for shot in trace.snapshots)
