"""Weights of edges that are degrees, dense, sparse and one by one."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import nn

NODES = 20
X = torch.randn(NODES, 5, generator=torch.Generator().manual_seed(1))
LINKS = (torch.rand(NODES, NODES, generator=torch.Generator().manual_seed(2)) < 0.15).triu(1)
GRAPH = (LINKS | LINKS.T | (torch.arange(NODES) == 0)).float().fill_diagonal_(0)
GRAPH = torch.maximum(GRAPH, GRAPH.T)
LOOPS = GRAPH + torch.eye(NODES)


def scaled(adjacency, exponent):
    root = adjacency.sum(1).pow(exponent)
    return root.unsqueeze(1) * adjacency * root


class Network(nn.Module):
    """Two layers of messages."""

    def __init__(self, send):
        super().__init__()
        self.first, self.second, self.send = nn.Linear(5, 8), nn.Linear(8, 3), send

    def forward(self, x):
        return self.send(self.second(self.send(self.first(x)).relu()))


def details(send, x=X):
    torch.manual_seed(0)
    model = Network(send)
    return snapshot(lambda: model(x).square().mean().backward(), model).loss.details


def off(send, x=X):
    return details(send, x)["degrees_off"]


def by_index(matrix, add):
    heard, said = matrix.nonzero().T
    weights = matrix[heard, said].unsqueeze(1)
    index = (lambda h: heard.unsqueeze(1).expand(-1, h.shape[1])) if add == "scatter_add" else None

    def send(h):
        to = heard if index is None else index(h)
        return getattr(torch.zeros_like(h), add)(0, to, weights * h[said])

    return send


WAYS = {
    "dense": lambda a: lambda h: a @ h,
    "sparse": lambda a: lambda h: a.to_sparse() @ h,
    "sparse.mm": lambda a: lambda h: torch.sparse.mm(a.to_sparse(), h),
    "compressed": lambda a: lambda h: torch.sparse.mm(a.to_sparse_csr(), h),
    "index_add": lambda a: by_index(a, "index_add"),
    "scatter_add": lambda a: by_index(a, "scatter_add"),
}


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("adjacency", [GRAPH, LOOPS], ids=["without loops", "with loops"])
def test_the_sign_of_the_exponent_is_told(way, adjacency):
    found = details(WAYS[way](scaled(adjacency, 0.5)))
    degrees, sums = adjacency.sum(1), scaled(adjacency, 0.5).sum(1)
    assert found["degrees_off"] < 1e-4
    assert found["lowest_degree"] == degrees.min()
    assert found["highest_degree"] == degrees.max()
    assert found["degrees_summed"] == pytest.approx(float(sums.max()), rel=1e-4)
    for exponent in (-0.5, 0):
        assert off(WAYS[way](scaled(adjacency, exponent))) > 0.5


@pytest.mark.parametrize("way", ["dense", "index_add"])
def test_degrees_of_the_node_that_hears(way):
    degrees = LOOPS.sum(1, keepdim=True)
    assert off(WAYS[way](LOOPS * degrees)) < 1e-4
    assert off(WAYS[way](LOOPS / degrees)) > 0.5


def test_a_laplacian():
    assert off(lambda h: (torch.eye(NODES) - scaled(GRAPH, 0.5)) @ h) < 1e-4
    assert off(lambda h: (torch.eye(NODES) - scaled(GRAPH, -0.5)) @ h) > 0.5


def test_graphs_of_a_batch():
    both = torch.stack([LOOPS, LOOPS.roll((1, 1), (0, 1))])
    x = torch.stack([X, X])
    assert off(lambda h: torch.stack([scaled(a, 0.5) for a in both]) @ h, x) < 1e-4
    assert off(lambda h: torch.einsum("nm,bmf->bnf", scaled(LOOPS, 0.5), h), x) < 1e-4
    assert off(lambda h: torch.stack([scaled(a, -0.5) for a in both]) @ h, x) > 0.5


def test_one_edge_that_differs_is_told():
    matrix = scaled(LOOPS, 0.5)
    matrix[0, 3] *= 1.5
    assert off(lambda h: matrix @ h) > 0.5


def test_nothing_is_told_of_one_degree_or_of_no_edges():
    ring = torch.eye(NODES).roll(1, 0) + torch.eye(NODES).roll(-1, 0)
    for matrix in (ring, torch.eye(NODES), torch.ones(NODES, NODES), torch.zeros(NODES, NODES)):
        assert "degrees_off" not in details(lambda h, matrix=matrix: matrix @ h)


def test_numbers_that_are_none_are_left_alone():
    matrix = scaled(LOOPS, 0.5)
    matrix[1, 1] = torch.nan
    assert "degrees_off" not in details(lambda h: matrix @ h)


def test_a_frozen_weight_is_no_matrix_of_edges():
    frozen = nn.Linear(8, 8).requires_grad_(False)
    frozen.weight.data.copy_(scaled(LOOPS, 0.5)[:8, :8])
    model = nn.Sequential(nn.Linear(5, 8), frozen, nn.Linear(8, 2))
    shot = snapshot(lambda: model(X).square().mean().backward(), model)
    assert "degrees_off" not in shot.loss.details
