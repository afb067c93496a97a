"""A graph seen before is read as one seen for the first time, whatever has changed in between."""

from dataclasses import asdict

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from lifesigns.record import Recorder
from lifesigns.record.graph import known_graphs
from lifesigns.record.graph.known_graphs import Structures
from lifesigns.record.graph.known_modules import KnownModules
from lifesigns.record.graph.module_names import named_modules, named_parameters
from lifesigns.record.measure.by_program import numbers_for

torch.set_num_threads(1)
STEPS = 8


class Net(nn.Module):
    """Two hidden layers; each scenario changes something of it, or of how it runs, at a step."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.head = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.early, self.late = nn.LeakyReLU(0.01), nn.LeakyReLU(0.01)
        self.norm, self.drop = nn.BatchNorm1d(6), nn.Dropout(0.25)
        self.scale = torch.ones(6)
        self.step = 0

    def forward(self, x):
        x = self.hidden(x)
        return self.head(self.drop(torch.relu(self.norm(self.second(x)))))

    def hidden(self, x):
        return self.activation()(self.first(x)) * self.scale

    def activation(self):
        return self.early


class InTurn(Net):
    def activation(self):
        return self.late if self.step % 2 else self.early


class Checkpointed(Net):
    def hidden(self, x):
        if self.step % 2:
            return checkpoint(super().hidden, x, use_reentrant=False)
        return super().hidden(x)


class OnCpu(Net):
    def hidden(self, x):
        if self.step % 2:
            with torch.autograd.graph.save_on_cpu():
                return super().hidden(x)
        return super().hidden(x)


class Recurrent(Net):
    """Its state is cut off its history in some steps; in others it is another tensor."""

    def hidden(self, x):
        total = 0
        for _ in range(3):
            state = x.detach()
            x = torch.tanh(self.first(state.clone() if self.step % 4 == 2 else state))
            total = total + x
        return total


class Neighbours(Net):
    """Nodes of a graph: what multiplies them is as large as the batch, not as a parameter."""

    def hidden(self, x):
        nearness = torch.softmax(-torch.cdist(x.detach(), x.detach()), -1)
        mask = (torch.rand(len(x), 1) < 0.5).float() if self.step % 2 else torch.ones(len(x), 1)
        return nearness @ super().hidden(x) * mask


def nothing(model, step):
    pass


def other_rate(model, step):
    model.drop.p = 0.5 if step >= 4 else 0.25


def no_rate(model, step):
    model.drop.p = (0.25, 1.0)[step % 2]


def other_slope(model, step):
    model.early.negative_slope = (0.01, 0.2)[step % 2]


def evaluating(model, step):
    model.train(step % 3 != 2)


def part_evaluating(model, step):
    model.norm.train(step % 2 == 0)
    model.drop.train(step % 3 == 0)


def scaled_away(model, step):
    model.scale = torch.full((6,), (1.0, 0.0)[step % 2])


def masked(model, step):
    model.scale = torch.tensor([1.0, 0, 1, 1, 0, 1]) if step % 2 else torch.linspace(0.5, 2, 6)


def frozen(model, step):
    model.first.requires_grad_(step % 2 == 0)


def new_parameter(model, step):
    if step == 4:
        model.second.weight = nn.Parameter(model.second.weight.detach() * 1.5)


def swapped(model, step):
    if step % 2:
        model.first, model.second = model.second, model.first


def tied(model, step):
    if step == 4:
        model.second.weight = model.first.weight


def renamed(model, step):
    if step == 4:
        model.late, model.early = model.early, nn.Identity()
        model.activation = lambda: model.late


CHANGES = [
    nothing,
    *(other_rate, no_rate, other_slope, evaluating, part_evaluating),
    *(scaled_away, masked, frozen, new_parameter, swapped, tied, renamed),
]


def cross_entropy(output, target, step):
    return F.cross_entropy(output, target)


def in_turn(output, target, step):
    wanted = F.one_hot(target, 3).float()
    losses = (F.mse_loss, F.l1_loss, F.binary_cross_entropy_with_logits)
    return losses[step % 3](output, wanted)


def weighted(output, target, step):
    return F.cross_entropy(output, target) * (0.5 + step) + output.square().mean() * (step % 2)


def some_ignored(output, target, step):
    return F.cross_entropy(output, target.masked_fill(target == step % 3, -100))


def smaller_thrice(step):
    return 5 if step % 3 == 2 else 12


def all_sizes(step):
    """Two of them are as large as a layer is wide, and so their graphs have another form."""
    return (12, 5, 6, 7, 3, 11, 8, 2)[step]


def snapshots(make, change, loss, *, keeps, samples=smaller_thrice):
    """All snapshots of a training with so many samples in a step."""
    torch.manual_seed(3)
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    recorder = Recorder(model, [optimizer], every=1, strict=True)
    recorder._parts.reader._structures = Structures(keeps=keeps)
    recorder._parts.reader._numbers = numbers_for(keeps=keeps)
    recorder.start()
    try:
        for step in range(STEPS):
            model.step = step
            change(model, step)
            x, y = torch.randn(12, 6), torch.randint(3, (12,))
            some = samples(step)
            optimizer.zero_grad()
            loss(model(x[:some]), y[:some], step).backward()
            optimizer.step()
    finally:
        recorder.stop()
    return recorder.trace().snapshots


def assert_same(make, change, loss, **options):
    known = snapshots(make, change, loss, keeps=True, **options)
    fresh = snapshots(make, change, loss, keeps=False, **options)
    assert len(known) == len(fresh) == STEPS
    for one, other in zip(known, fresh, strict=True):
        np.testing.assert_equal(asdict(one), asdict(other))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_known_graph_is_read_as_a_new_one_whatever_was_changed(change):
    assert_same(Net, change, cross_entropy)


@pytest.mark.parametrize("make", [InTurn, Checkpointed, OnCpu, Recurrent])
def test_a_known_graph_is_read_as_a_new_one_however_the_network_runs(make):
    assert_same(make, nothing, cross_entropy)


@pytest.mark.parametrize("make", [Net, InTurn, Recurrent, Neighbours])
def test_a_known_graph_of_another_size_is_read_as_a_new_one(make):
    assert_same(make, nothing, cross_entropy, samples=all_sizes)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_known_graph_of_another_size_is_read_as_a_new_one_whatever_was_changed(change):
    assert_same(Net, change, cross_entropy, samples=all_sizes)


def test_a_graph_that_differs_in_sizes_alone_is_not_condensed_anew(monkeypatch):
    asked = []
    condensed = known_graphs.condense
    monkeypatch.setattr(
        known_graphs, "condense", lambda *given: asked.append(len(given)) or condensed(*given)
    )
    snapshots(Net, nothing, cross_entropy, keeps=True, samples=lambda step: 8 + step)
    assert len(asked) == 1


@pytest.mark.parametrize("loss", [in_turn, weighted, some_ignored])
def test_a_known_graph_is_read_as_a_new_one_whatever_the_loss(loss):
    assert_same(Net, nothing, loss)


def test_modules_that_run_in_turn_keep_their_names():
    taken = snapshots(InTurn, nothing, cross_entropy, keeps=True)
    names = [next(s.name for s in t.graph.sites if "leaky" in s.operation) for t in taken]
    assert names == ["early:leaky_relu#0", "late:leaky_relu#0"] * (STEPS // 2)


def test_a_dropout_rate_that_was_changed_shows_at_once():
    taken = snapshots(Net, other_rate, cross_entropy, keeps=True)
    rates = [next(s.details["p"] for s in t.graph.sites if s.operation == "dropout") for t in taken]
    assert rates == [0.25] * 4 + [0.5] * 4


def test_what_a_structure_was_condensed_to_is_used_again():
    taken = snapshots(Net, nothing, cross_entropy, keeps=True)
    assert taken[0].graph.sites[0] is taken[1].graph.sites[0] is taken[3].graph.sites[0]


def test_a_state_that_is_cut_off_is_known_again_and_one_that_is_not_is_told_from_it():
    taken = snapshots(Recurrent, nothing, cross_entropy, keeps=True)
    cut = [sum("cut_state" in site.details for site in t.graph.sites) for t in taken]
    assert cut == [2, 2, 0, 2] * (STEPS // 4)
    assert taken[0].graph.sites[0] is taken[1].graph.sites[0]


def test_modules_are_listed_as_torch_lists_them():
    model = nn.Sequential(Net(), nn.Sequential(nn.ReLU(), None, Net()))
    model.append(model[0])
    assert named_modules(model) == list(model.named_modules())


def test_modules_of_a_class_with_a_list_of_its_own_are_listed_by_it():
    class Own(nn.Module):
        def named_modules(self, *args, **options):
            yield "own", self

    model = nn.Sequential(Own())
    assert named_modules(model) == list(model.named_modules())


def test_parameters_are_listed_as_torch_lists_them():
    model = nn.Sequential(Net(), nn.Sequential(nn.ReLU(), Net()))
    model.append(model[0])
    model[1][1].second.weight = model[0].first.weight
    assert named_parameters(model) == list(model.named_parameters())


def test_parameters_of_a_class_with_a_list_of_its_own_are_listed_by_it():
    class Own(nn.Linear):
        def named_parameters(self, *args, **options):
            yield "own", self.weight

    model = Own(2, 2)
    assert named_parameters(model) == [("own", model.weight)]


# --- modules and parameters -----------------------------------------------------------------------
def exchange_a_part(net):
    net.head = nn.Linear(6, 3)


def exchange_a_parameter(net):
    net.first.weight = nn.Parameter(net.first.weight.detach().clone())


def take_a_bias_away(net):
    net.second.bias = None


def rename(net):
    net.other = net.head
    del net.head


def nest(net):
    net.drop = nn.Sequential(net.drop)


@pytest.mark.parametrize(
    "change", [exchange_a_part, exchange_a_parameter, take_a_bias_away, rename, nest]
)
def test_a_network_is_listed_anew_when_it_holds_something_else(change):
    net = Net()
    known = KnownModules(net)

    assert known.is_of(net)
    assert known.parameters() == dict(net.named_parameters())
    change(net)
    assert not known.is_of(net)


def test_a_list_of_modules_keeps_no_network_alive():
    net = Net()
    known, net = KnownModules(net), None

    assert net is None
    assert known.parameters() == {}
    assert not known.is_of(Net())
