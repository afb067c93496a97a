"""Whether the weights from before the first step are loaded back is noted."""

import copy

import torch
from torch import nn

import lifesigns
from lifesigns.records import Rewind
from lifesigns.store import read_run


def trained(ending, steps=5, **watched):
    """The trace of a run that ends so; it is given a network, its first weights, and a step."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step():
        optimizer.zero_grad()
        model(torch.randn(8, 3)).square().mean().backward()
        optimizer.step()

    with lifesigns.watch(every=2, **watched) as watcher:
        first = copy.deepcopy(model.state_dict())
        for _ in range(steps):
            step()
        ending(model, first, step)
    return watcher.report.trace


def test_the_first_weights_that_are_loaded_back_are_noticed(tmp_path):
    live = trained(lambda m, first, step: m.load_state_dict(first), save=tmp_path / "run.ls")

    assert live.rewind == Rewind(5) == read_run(tmp_path / "run.ls").rewind


def test_an_evaluation_of_them_is_told():
    def ending(model, first, step):
        model.eval()
        model.load_state_dict(first)
        model.eval()

    assert trained(ending).rewind == Rewind(5, is_evaluated=True)


def test_that_the_trained_weights_were_tested_before_is_told():
    def test(model):
        model.eval()
        with torch.no_grad():
            model(torch.randn(8, 3))

    def tested(model, first, step):
        test(model)
        model.load_state_dict(first)
        test(model)

    def validated(model, first, step):
        for _ in range(2):
            model.train()
            step()
            test(model)
        model.load_state_dict(first)
        test(model)

    assert trained(tested).rewind == Rewind(5, is_evaluated=True, was_tested=True)
    assert trained(validated).rewind == Rewind(7, is_evaluated=True)


def test_a_loop_that_brings_them_back_again_is_none():
    def ending(model, first, step):
        for _ in range(3):
            model.load_state_dict(first)
            step()

    assert trained(ending).rewind is None


def test_other_weights_are_none():
    def ending(model, first, step):
        later = copy.deepcopy(model.state_dict())
        step()
        model.load_state_dict(later)
        model.load_state_dict({**first, "2.weight": later["2.weight"]})

    assert trained(ending).rewind is None


def test_another_network_may_have_them():
    def ending(model, first, step):
        copy.deepcopy(model).load_state_dict(first)

    assert trained(ending).rewind is None


def test_nothing_is_kept_alive_and_nothing_but_the_run_is_told():
    assert trained(lambda *_: None).rewind is None
    assert trained(lambda m, first, step: m.load_state_dict(first), steps=0).rewind is None
