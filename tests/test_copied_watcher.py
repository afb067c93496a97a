"""A network that holds its watcher is copied and saved as any other."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn

import lifesigns


@pytest.fixture
def model():
    """A network that was trained for three steps and is still watched."""
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    model.watcher = lifesigns.watch(model, optimizer, every=1)
    train(model, optimizer)
    yield model
    model.watcher.detach()


def train(model, optimizer, steps=3):
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.ones(5, 3)).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_knows_what_was_recorded_until_then_and_watches_nothing(model, copied):
    twin = copied(model)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    train(model, optimizer, 2)

    watcher = copied(model.watcher) if copied is copy.copy else twin.watcher
    watcher.detach()
    known = 5 if copied is copy.copy else 3
    train(model, optimizer, 1)

    assert watcher.trace.recorded_steps == known
    assert len(watcher.report.trace.losses.values) == known
    assert model.watcher.trace.recorded_steps == 6


def test_a_copy_of_a_copy_and_of_a_detached_watcher_are_watchers(model):
    again = copy.deepcopy(copy.deepcopy(model).watcher)
    report = model.watcher.detach()

    assert again.trace.recorded_steps == 3
    assert copy.copy(model.watcher).detach().verdict == report.verdict


def test_a_pickle_is_small_and_says_what_it_lacks(model):
    stored = pickle.dumps(model.watcher)

    back = pickle.loads(stored)

    assert len(stored) < 2000
    assert (back.trace.steps, back.trace.snapshots) == (3, ())
    assert "not part of a pickled watcher" in str(back.detach())


def test_a_whole_network_is_saved_with_its_watcher(model):
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)

    back = torch.load(file, weights_only=False)

    assert torch.equal(back[0].weight, model[0].weight)
    assert back.watcher.trace.steps == 3
