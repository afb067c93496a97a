"""Index vectors that are halves of a list of pairs are found, by memory or by their numbers."""

import pytest
import torch
from torch import nn

import lifesigns

NODES, EDGES = 40, 90
MEMORY, COUNTERPARTS, ORDER = 0, 1, 2


def links(seed=0):
    """Edges between different nodes, each once, in no order."""
    generator = torch.Generator().manual_seed(seed)
    upper = torch.triu_indices(NODES, NODES, 1).t()
    return upper[torch.randperm(len(upper), generator=generator)[:EDGES]]


def undirected():
    return torch.cat([links(), links().flip(1)])[torch.randperm(2 * EDGES)]


def in_order(edges):
    keys = edges[:, 0] * NODES + edges[:, 1]
    return edges[keys.argsort()]


def copied(pairs):
    return pairs.clone().contiguous()


def with_loops(pairs):
    return torch.cat([pairs, torch.arange(NODES).expand(2, -1)], 1)


def both_ways(pairs):
    return torch.cat([pairs, pairs.flip(0)], 1)


def by_addition(rows, sources, targets):
    return torch.zeros_like(rows).index_add(0, targets, rows[sources])


def by_scattering(rows, sources, targets):
    taken = rows.index_select(0, sources)
    index = targets[:, None].expand_as(taken)
    return torch.zeros_like(rows).scatter_add(0, index, taken)


def by_products(rows, sources, targets):
    return rows[sources] * rows[targets]


class Layer(nn.Module):
    def __init__(self, pass_on, edges):
        super().__init__()
        self.rows, self.pass_on, self.edges = nn.Linear(3, 4), pass_on, edges

    def forward(self, x):
        return self.pass_on(self.rows(x), *self.edges)


def marks(edges, pass_on=by_addition):
    """What tells of torn pairs in each of two steps."""
    torch.manual_seed(0)
    model = Layer(pass_on, edges)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with lifesigns.watch(every=1, strict=True) as watcher:
        for _ in range(2):
            optimizer.zero_grad()
            model(torch.randn(NODES, 3)).square().mean().backward()
            optimizer.step()
    assert watcher.trace is not None
    read = [s.loss.details for s in watcher.trace.snapshots if s.loss]
    assert len(read) == 2
    return [one.get("torn_pairs_by") for one in read]


TORN = {
    "views": (lambda: links().reshape(2, -1), MEMORY),
    "a part of a list": (lambda: links()[20:80].view(2, -1), MEMORY),
    "copies of an undirected graph": (lambda: copied(undirected().view(2, -1)), COUNTERPARTS),
    "with loops": (lambda: with_loops(undirected().view(2, -1)), COUNTERPARTS),
    "the other way round": (lambda: with_loops(undirected().view(2, -1)).flip(0), COUNTERPARTS),
    "copies of sorted edges": (lambda: copied(in_order(links()).view(2, -1)), ORDER),
    "sorted, with loops": (lambda: with_loops(in_order(links()).view(2, -1)), ORDER),
    "sorted, then both ways": (lambda: both_ways(in_order(links()).view(2, -1)), ORDER),
    "and with loops": (lambda: with_loops(both_ways(in_order(links()).view(2, -1))), ORDER),
    "undirected, then both ways": (lambda: both_ways(undirected().view(2, -1)), COUNTERPARTS),
}
WHOLE = {
    "both ways": lambda: with_loops(both_ways(links().t())),
    "sorted, then both ways": lambda: with_loops(both_ways(in_order(links()).t())),
    "undirected, then both ways": lambda: both_ways(undirected().t()),
    "a ring, both ways": lambda: both_ways(
        torch.stack([torch.arange(NODES), torch.arange(NODES).roll(-1)])
    ),
    "transposed": lambda: links().t(),
    "a copy": lambda: copied(links().t()),
    "sorted": lambda: copied(in_order(links()).t()),
    "undirected": lambda: copied(undirected().t()),
    "undirected and sorted": lambda: with_loops(in_order(undirected()).t()),
    "columns": lambda: (links()[:, 0], links()[:, 1]),
    "columns of a view": lambda: (links().view(-1)[::2], links().view(-1)[1::2]),
    "each edge, then its counterpart, as memory has it": lambda: torch.cat(
        [links(), links().flip(1)]
    ).view(2, -1),
    "neighbours of each node": lambda: torch.stack(
        [torch.arange(NODES).repeat_interleave(4), torch.randint(NODES, (4 * NODES,))]
    ),
    "all pairs": lambda: torch.cartesian_prod(torch.arange(NODES), torch.arange(NODES)).t(),
    "a ring": lambda: torch.stack([torch.arange(NODES), torch.arange(NODES).roll(-1)]),
    "neighbours in a row": lambda: torch.stack([torch.arange(NODES - 1), torch.arange(1, NODES)]),
}


@pytest.mark.parametrize("pass_on", [by_addition, by_scattering])
@pytest.mark.parametrize("name", TORN)
def test_halves_of_a_list_are_found(name, pass_on):
    edges, told = TORN[name]

    assert marks(edges(), pass_on) == [told] * 2


@pytest.mark.parametrize("pass_on", [by_addition, by_scattering])
@pytest.mark.parametrize("name", WHOLE)
def test_columns_of_a_list_are_none(name, pass_on):
    assert marks(WHOLE[name](), pass_on) == [None] * 2


def test_pairs_whose_rows_are_multiplied():
    """Nothing is added up: memory alone tells."""
    assert marks(links().view(2, -1), by_products) == [MEMORY] * 2
    assert marks(copied(undirected().view(2, -1)), by_products) == [None] * 2
    assert marks(links().t(), by_products) == [None] * 2


def by_rows_of_pairs(rows, sources, targets):
    one, other = rows[torch.stack([sources, targets])]
    return one * other


def of_the_list(rows, *edges):
    return rows[edges[0]].prod(0)


def test_one_index_of_two_rows():
    pairs = links()

    assert marks((pairs.view(2, -1),), of_the_list) == [MEMORY] * 2
    assert marks((pairs.t(),), of_the_list) == [None] * 2
    assert marks(links().t(), by_rows_of_pairs) == [None] * 2
