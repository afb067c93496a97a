"""What recording and judging take grows with the depth of a network, not with its square."""

import sys
from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import record
from torch import nn

from lifesigns.record.graph import flow
from lifesigns.report import Report
from lifesigns.rules import judge

torch.set_num_threads(1)
DEPTH = 32


@pytest.fixture(autouse=True)
def few_values_are_told_apart(monkeypatch):
    monkeypatch.setattr(flow, "MOST", 8)


class Residual(nn.Module):
    """Each block adds to the values of all blocks before it."""

    def __init__(self, depth):
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(depth))
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        for block in self.blocks:
            x = x + 0.1 * torch.tanh(block(x))
        return self.head(x)


class Dense(nn.Module):
    """Each layer reads the values of all layers before it."""

    def __init__(self, depth):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4 + i, 1) for i in range(depth))
        self.head = nn.Linear(4 + depth, 3)

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat([x, layer(x).relu()], 1)
        return self.head(x)


class Recurrent(nn.Module):
    """One cell in a loop, and a sum of what each step gives."""

    def __init__(self, depth):
        super().__init__()
        self.cell, self.head, self.depth = nn.RNNCell(4, 4), nn.Linear(4, 3), depth

    def forward(self, x):
        state, total = torch.zeros_like(x), 0
        for _ in range(self.depth):
            state = self.cell(x, state)
            total = total + self.head(state)
        return total


def chain(activation):
    def model(depth):
        layers = [m for _ in range(depth) for m in (nn.Linear(4, 4), activation())]
        return nn.Sequential(*layers, nn.Linear(4, 3))

    return model


NETWORKS = {
    "residual": Residual,
    "dense": Dense,
    "recurrent": Recurrent,
    "relu": chain(nn.ReLU),
    "tanh": chain(nn.Tanh),
    "softplus": chain(nn.Softplus),
}


def trace_of(model, steps=2):
    x, y = torch.randn(8, 4), torch.randint(3, (8,))
    optimizer = torch.optim.SGD(model.parameters(), 1e-4)

    def train():
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()

    return record(train, model, [optimizer])


def lines_run(work):
    """How many lines of lifesigns run, generators and comprehensions included."""
    count = Counter()

    def trace(frame, event, argument):
        if "lifesigns" not in frame.f_code.co_filename:
            return None
        count["lines"] += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count["lines"]


@pytest.mark.parametrize("name", NETWORKS)
def test_twice_the_depth_takes_about_twice_the_work(name):
    def work(depth):
        torch.manual_seed(0)
        model = NETWORKS[name](depth)

        def watched():
            trace = trace_of(model)
            str(Report(trace, judge(trace)))

        return lines_run(watched)

    work(2)  # what is imported and kept once is not counted
    assert work(2 * DEPTH) < 2.3 * work(DEPTH)


@pytest.mark.parametrize("kind", [Residual, Dense])
def test_a_deep_sum_has_edges_in_proportion_to_its_depth(kind):
    short, long = (len(trace_of(kind(n), 1).snapshots[0].graph.edges) for n in (DEPTH, 2 * DEPTH))
    assert long < 2.5 * short


def test_what_a_sum_leaves_out_still_leads_to_the_loss():
    graph = trace_of(Residual(DEPTH), 1).snapshots[0].graph
    end = len(graph.sites) - 1
    assert set(graph.upstream(end)) == set(range(end))
    assert all(graph.successors(i) for i in range(end))


def test_sums_of_few_values_tell_all_of_them_apart():
    graph = trace_of(Residual(8), 1).snapshots[0].graph
    head = graph.find("head:linear#0")
    assert len(graph.predecessors(head)) == 8
