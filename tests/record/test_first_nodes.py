"""How far edges reach into the nodes of a batch of graphs, and how many graphs these are."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import nn

SIZES = torch.tensor([4, 6, 5, 3])
NODES = int(SIZES.sum())
X = torch.randn(NODES, 5, generator=torch.Generator().manual_seed(1))
BEFORE = torch.cumsum(SIZES, 0) - SIZES
OWNER = torch.repeat_interleave(torch.arange(4), SIZES)


def ring(n):
    begin = torch.arange(n)
    return torch.stack([begin, (begin + 1) % n])


JOINED = torch.cat([ring(n) for n in SIZES], 1)
MOVED = torch.cat([ring(n) + before for n, before in zip(SIZES, BEFORE, strict=True)], 1)


def columns(index, like):
    return index.unsqueeze(1).expand(len(index), like.shape[1])


SUMS = {
    "index_add": lambda m, end: torch.zeros(NODES, 8).index_add(0, end, m),
    "index_add_": lambda m, end: torch.zeros(NODES, 8).index_add_(0, end, m),
    "scatter_add": lambda m, end: torch.zeros(NODES, 8).scatter_add(0, columns(end, m), m),
    "scatter_add, repeated": lambda m, end: torch.zeros(NODES, 8).scatter_add_(
        0, end.unsqueeze(1).repeat(1, 8), m
    ),
    "scatter_reduce": lambda m, end: torch.zeros(NODES, 8).scatter_reduce(
        -2, columns(end, m), m, "mean"
    ),
    "index_put": lambda m, end: torch.zeros(NODES, 8).index_put((end,), m, accumulate=True),
}
READS = {
    "index": lambda h, begin: h[begin],
    "index, all columns": lambda h, begin: h[begin, :],
    "index_select": lambda h, begin: h.index_select(-2, begin),
    "gather": lambda h, begin: h.gather(0, columns(begin, h)),
}


class Network(nn.Module):
    """Two layers of messages, and an answer for each node or each graph."""

    def __init__(self, edges, add, read, by_graph):
        super().__init__()
        self.first, self.message = nn.Linear(5, 8), nn.Linear(8, 8)
        self.edges, self.add, self.read, self.by_graph = edges, add, read, by_graph

    def forward(self, x):
        h = self.first(x)
        for _ in range(2):
            h = h + self.add(self.message(self.read(h, self.edges[0])).relu(), self.edges[1])
        return torch.zeros(4, 8).index_add(0, OWNER, h) if self.by_graph else h


def told(edges, add="index_add", read="index", *, by_graph=False):
    torch.manual_seed(0)
    model = Network(edges, SUMS[add], READS[read], by_graph)

    def loss():
        model(X).square().mean().backward()

    return known(snapshot(loss, model))


def known(shot):
    words = ("nodes_touched", "nodes", "graphs_of_nodes", "largest_graph")
    return tuple(shot.loss.details[word] for word in words if word in shot.loss.details)


@pytest.mark.parametrize("add", SUMS)
def test_edges_that_are_joined_as_they_are(add):
    assert told(JOINED, add) == (6, NODES)
    assert told(MOVED, add) == (NODES, NODES)


@pytest.mark.parametrize("read", READS)
def test_however_nodes_are_read(read):
    assert told(JOINED, read=read) == (6, NODES)


def test_the_sizes_of_the_graphs_where_they_are_summed():
    assert told(JOINED, by_graph=True) == (6, NODES, 4, 6)
    assert told(MOVED, by_graph=True) == (NODES, NODES, 4, 6)


def test_one_end_alone_may_be_at_the_first_nodes():
    both_kinds = torch.stack([torch.arange(6), torch.arange(12, 18)])
    assert told(both_kinds) == (NODES, NODES)


class Table(nn.Module):
    def __init__(self):
        super().__init__()
        self.rows = nn.Parameter(torch.randn(NODES, 8))

    def forward(self, x):
        return torch.zeros(NODES, 8).index_add(0, JOINED[1], self.rows[JOINED[0]]) + x.sum()


def other(forward):
    torch.manual_seed(0)
    model = nn.Linear(5, 8)
    return known(snapshot(lambda: forward(model(X)).square().mean().backward(), model))


def test_rows_of_a_parameter_are_looked_up():
    model = Table()
    assert known(snapshot(lambda: model(X).square().mean().backward(), model)) == ()


def test_a_sum_into_other_rows_or_along_another_dimension_is_none_over_edges():
    begin, end = JOINED
    assert other(lambda h: torch.zeros(7, 8).index_add(0, end, h[begin])) == ()
    assert other(lambda h: torch.zeros(8, 18).index_add(1, end, h[begin].T)) == ()
    assert other(lambda h: h[begin]) == ()


def test_experts_share_all_rows():
    halves = torch.arange(NODES).chunk(2)

    def experts(h):
        out = torch.zeros(NODES, 8)
        for rows in halves:
            out = out.index_add(0, rows, h[rows].relu())
        return out

    assert other(experts) == (NODES, NODES)


def test_nodes_in_another_order_than_their_graphs_tell_no_sizes():
    def mixed(h):
        h = h + torch.zeros(NODES, 8).index_add(0, JOINED[1], h[JOINED[0]])
        return torch.zeros(4, 8).index_add(0, OWNER.flip(0), h)

    assert other(mixed) == (6, NODES)
