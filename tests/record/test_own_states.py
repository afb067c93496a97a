"""Whether a network is given back its own tensors, trained on since they were kept, is noted."""

import copy

import pytest
import torch
from torch import nn

import lifesigns
from lifesigns.record.measure.spot_check import spots
from lifesigns.records import OwnLoad
from lifesigns.store import read_run


def trained(ending, before=2, steps=3, **watched):
    """The own load of a run that ends so; it is given a network, its state after some steps, and a
    step."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step():
        optimizer.zero_grad()
        model(torch.randn(8, 3)).square().mean().backward()
        optimizer.step()

    with lifesigns.watch(every=2, **watched) as watcher:
        for _ in range(before):
            step()
        state = model.state_dict()
        for _ in range(steps):
            step()
        ending(model, state, step)
    assert type(model).state_dict is nn.Module.state_dict
    assert not hasattr(nn.Module.state_dict, "__wrapped__")
    return watcher.report.trace.own_load


@pytest.mark.parametrize("before", [0, 2])
def test_the_networks_own_tensors_are_noticed(before, tmp_path):
    def ending(model, state, step):
        model.load_state_dict(dict(state))

    found = trained(ending, before, save=tmp_path / "run.ls")

    own = read_run(tmp_path / "run.ls").own_load
    assert found == own == OwnLoad("Sequential", before, before + 3)


def test_the_first_load_is_the_one_that_is_told():
    def ending(model, state, step):
        for _ in range(2):
            model.load_state_dict(state)
            step()

    assert trained(ending) == OwnLoad("Sequential", 2, 5)


@pytest.mark.parametrize(
    "ending",
    [
        lambda model, state, step: model.load_state_dict(copy.deepcopy(state)),
        lambda model, state, step: model.load_state_dict({k: v.clone() for k, v in state.items()}),
        lambda model, state, step: model.load_state_dict(model.state_dict()),
        lambda model, state, step: model.load_state_dict(dict(model.named_parameters()), False),
        lambda model, state, step: copy.deepcopy(model).load_state_dict(state),
        lambda model, state, step: copy.deepcopy(model).load_state_dict(state, assign=True),
        lambda model, state, step: model.load_state_dict({**state, "0.weight": torch.zeros(8, 3)}),
        lambda model, state, step: model.load_state_dict({"0.bias": state["0.bias"]}, False),
    ],
    ids=["deep copy", "clones", "at once", "parameters", "another", "assigned", "in part", "one"],
)
def test_what_has_another_memory_or_is_not_older_is_not(ending):
    assert trained(ending) is None


def test_numbers_are_looked_at_in_all_columns():
    assert spots(torch.arange(64.0).expand(64, 64)).unique().numel() > 32


def test_without_a_step_in_between_nothing_is_lost():
    assert trained(lambda model, state, step: model.load_state_dict(state), steps=0) is None


def test_what_was_put_into_the_state_just_now_is_loaded():
    def ending(model, state, step):
        fresh = model.state_dict()
        for tensor in fresh.values():
            tensor.copy_(torch.ones_like(tensor))
        model.load_state_dict(fresh)

    assert trained(ending) is None


def test_states_that_are_thrown_away_are_forgotten():
    def ending(model, state, step):
        for _ in range(40):
            model.state_dict()
            step()
        model.load_state_dict(state)

    assert trained(ending) == OwnLoad("Sequential", 2, 45)


def mixing(keep, share=0.3, rounds=4):
    """An ending that mixes the weights before some steps with those after them, again and again."""

    def ending(model, state, step):
        for _ in range(rounds):
            before = keep(model.state_dict())
            for _ in range(2):
                step()
            after = model.state_dict()
            model.load_state_dict({k: before[k] + share * (after[k] - before[k]) for k in before})

    return ending


def test_a_mixture_of_the_latest_weights_alone_is_noticed():
    assert trained(mixing(lambda state: state)) == OwnLoad("Sequential", 9, 11, is_mixed=True)


def test_a_mixture_that_is_rounded_is_noticed_too():
    def ending(model, state, step):
        for _ in range(4):
            before = model.state_dict()
            step()
            after = model.state_dict()
            model.load_state_dict({k: 0.7 * before[k] + 0.3 * after[k] for k in before})

    assert trained(ending).is_mixed


@pytest.mark.parametrize(
    "ending",
    [mixing(copy.deepcopy), mixing(copy.deepcopy, 1.0), mixing(lambda state: state, rounds=2)],
    ids=["copied", "all of what is new", "twice"],
)
def test_a_mixture_of_copies_is_sound(ending):
    assert trained(lambda model, state, step: ending(model, None, step)) is None
