"""When a network was put in evaluation mode: noted, and nothing of it is left behind."""

import copy
import pickle

import pytest
import torch
from torch import nn

import lifesigns
from lifesigns.record.schedule.evaluations import MOST, Evaluations
from lifesigns.store import read_run


class Student(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.dropout, self.head = nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 1)

    def forward(self, x):
        return self.head(self.dropout(self.encoder(x).tanh()))


def trained(network, evaluate, steps=12, **watched):
    """Trains, and evaluates before steps 4 and 8; the report, if it is watched."""
    torch.manual_seed(1)
    x, optimizer = torch.randn(16, 4), torch.optim.SGD(network.parameters(), 0.1)
    watcher = lifesigns.watch(**watched) if watched else None
    for step in range(steps):
        if step in (4, 8):
            evaluate(network)
        optimizer.zero_grad()
        (network(x) - x[:, :1]).square().mean().backward()
        optimizer.step()
    return watcher and watcher.detach()


def with_eval(model):
    model.eval()
    with torch.no_grad():
        model(torch.ones(2, 4))
    model.train()


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Student()


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("every", [1, 5])
def test_evaluations_are_noted_by_the_steps_before_them(model, given, every):
    report = trained(model, with_eval, model=model if given else None, every=every)

    assert report.trace.evaluated.tolist() == [4, 8]


def test_the_step_after_each_of_the_first_two_is_recorded_whatever_it_costs(model):
    def leave(network):
        network.eval()

    report = trained(model, leave, model=model, steps=12)

    affected = {s.step for s in report.trace.snapshots if s.evaluating}
    assert {5, 9} <= affected


def test_that_of_a_wrapper_counts(model):
    wrapper = nn.DataParallel(model)

    report = trained(model, lambda _: (wrapper.eval(), wrapper.train()), model=model, every=5)

    assert report.trace.evaluated.tolist() == [4, 8]


def test_that_of_a_teacher_or_of_a_part_does_not(model):
    teacher = Student()

    report = trained(model, lambda m: (teacher.eval(), m.encoder.eval()), model=model, every=5)

    assert report.trace.evaluated.tolist() == []


def test_training_is_the_same_to_the_bit_and_nothing_is_left(model):
    plain, before = copy.deepcopy(model), nn.Module.eval
    trained(plain, with_eval)

    def looked_at(network):
        with_eval(network)
        assert pickle.loads(pickle.dumps(network)).eval().training is False
        assert copy.deepcopy(network).train().training is True

    trained(model, looked_at, model=model, every=3)

    assert nn.Module.eval is before
    assert all(map(torch.equal, model.parameters(), plain.parameters()))
    assert vars(model).keys() == vars(plain).keys()


def test_watchers_that_end_in_any_order_leave_what_was_there():
    before = nn.Module.eval
    first, second = (lifesigns.watch(Student()) for _ in range(2))
    first.detach()
    assert nn.Module.eval is not before
    second.detach()

    assert nn.Module.eval is before


def test_what_another_tool_put_there_meanwhile_stays(monkeypatch, model):
    calls, before = [], nn.Module.eval
    watcher = lifesigns.watch(model)
    ours = nn.Module.eval
    monkeypatch.setattr(nn.Module, "eval", lambda self: calls.append(1) or ours(self))
    watcher.detach()

    assert model.eval() is model
    assert (calls, model.training) == ([1], False)
    monkeypatch.undo()
    nn.Module.eval = before


def test_the_run_file_holds_them(model, tmp_path):
    trained(model, with_eval, model=model, every=5, save=tmp_path / "run.ls")

    assert read_run(tmp_path / "run.ls").evaluated.tolist() == [4, 8]


def test_of_very_many_evenly_spaced_ones_stay():
    evaluations = Evaluations()
    for step in range(0, 30_000, 3):
        evaluations.note(step)
        evaluations.note(step)

    steps = evaluations.steps()
    assert MOST / 2 <= len(steps) <= MOST
    assert steps[0] == 0
    assert len(set((steps[1:] - steps[:-1]).tolist())) == 1
