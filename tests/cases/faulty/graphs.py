import torch
import torch.nn.functional as F
from program import faulty
from torch import nn


def communities(n, inside, outside):
    """Three groups of nodes, linked more often inside: features, adjacency with loops, groups."""
    groups = torch.arange(n) % 3
    chance = torch.where(groups.unsqueeze(0) == groups.unsqueeze(1), inside, outside)
    links = (torch.rand(n, n) < chance).float().triu(1)
    features = F.one_hot(groups, 3).float() @ torch.randn(3, 16) + 2 * torch.randn(n, 16)
    return features, links + links.T + torch.eye(n), groups


def normalised(adjacency):
    """D^-1/2 A D^-1/2, as Kipf and Welling divide it."""
    root = adjacency.sum(1).rsqrt()
    return root.unsqueeze(1) * adjacency * root


class GraphNetwork(nn.Module):
    def __init__(self, depth, width=32, residual=False):
        super().__init__()
        widths = [16, *[width] * (depth - 1)]
        self.layers = nn.ModuleList(nn.Linear(w, width) for w in widths)
        self.classes, self.residual = nn.Linear(width, 3), residual
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, x, adjacency):
        for layer in self.layers:
            x = (adjacency @ layer(x)).relu()
        return self.classes(x)


def fit(model, x, adjacency, groups, optimizer, steps):
    """Trains on the nodes of the first half and returns the accuracy on the others."""
    half = len(x) // 2
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x, adjacency)[:half], groups[:half]).backward()
        optimizer.step()
    with torch.no_grad():
        return (model(x, adjacency).argmax(1) == groups)[half:].float().mean()


@faulty("accuracy on the other nodes", at_least=0.8, causes=("exploding", "nan", "other"))
def hubs_sum_their_neighbours(fixed=False):
    """Messages are summed over neighbours and not divided by their number: behind three layers a
    node with two hundred of them is millions of times as loud as its features."""
    x, adjacency, groups = communities(240, 0.08, 0.02)
    adjacency[:6], adjacency[:, :6] = 1, 1
    model = GraphNetwork(3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)
    adjacency = normalised(adjacency) if fixed else adjacency
    return fit(model, x, adjacency, groups, optimizer, 200)


@faulty("accuracy on the other nodes", at_least=0.8, causes=("capacity", "vanishing", "other"))
def smoothed_by_twenty_layers(fixed=False):
    """Twenty rounds of averaging over neighbours: all nodes carry the same features and cannot be
    told apart. The cure takes two rounds."""
    x, adjacency, groups = communities(180, 0.12, 0.03)
    model = GraphNetwork(2 if fixed else 20)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003, weight_decay=5e-4)
    return fit(model, x, normalised(adjacency), groups, optimizer, 200)


@faulty("accuracy on the other nodes", at_least=0.8, causes=("exploding", "other"))
def degrees_that_multiply(fixed=False):
    """The exponent of the degrees has the other sign: hubs are the loudest of all by far."""
    x, adjacency, groups = communities(240, 0.08, 0.02)
    adjacency[:6], adjacency[:, :6] = 1, 1
    model = GraphNetwork(2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    root = adjacency.sum(1).pow(-0.5 if fixed else 0.5)
    return fit(model, x, root.unsqueeze(1) * adjacency * root, groups, optimizer, 200)


class Messages(nn.Module):
    """Two layers that add to each node the mean of what its neighbours say."""

    def __init__(self, width=32):
        super().__init__()
        self.first, self.second = nn.Linear(16, width), nn.Linear(width, 3)

    def forward(self, x, edges):
        sources, targets = edges
        count = torch.bincount(targets, minlength=len(x)).clamp(min=1)
        for layer in (self.first, self.second):
            said = layer(x.relu() if layer is self.second else x)
            heard = torch.zeros_like(said).index_add(0, targets, said[sources])
            x = said + heard / count.unsqueeze(1)
        return x


@faulty("accuracy on the other nodes", at_least=0.85, causes=("wrong_shape", "other"))
def edges_viewed_and_not_transposed(fixed=False):
    """The list of edges, two numbers a row, is reshaped to two rows: every node hears strangers."""
    x, adjacency, groups = communities(240, 0.16, 0.01)
    edges = (adjacency - torch.eye(240)).nonzero().contiguous()
    edges = edges.t() if fixed else edges.reshape(2, -1)
    edges = torch.cat([edges, torch.arange(240).expand(2, -1)], 1)
    model = Messages()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-3)
    return fit(model, x, edges, groups, optimizer, 200)


class Molecules(nn.Module):
    """Two rounds of messages along edges, and a number for each graph."""

    def __init__(self, kinds, width=24):
        super().__init__()
        self.kind, self.answer = nn.Embedding(kinds, width), nn.Linear(width, 1)
        self.said, self.heard = (
            nn.ModuleList(nn.Linear(2 * width, width) for _ in range(2)) for _ in range(2)
        )

    def forward(self, kinds, edges, graph_of):
        h = self.kind(kinds)
        for said, heard in zip(self.said, self.heard, strict=True):
            message = said(torch.cat([h[edges[0]], h[edges[1]]], 1)).relu()
            got = torch.zeros_like(h).index_add(0, edges[1], message)
            h = h + heard(torch.cat([h, got], 1)).relu()
        answers = self.answer(h).squeeze(1)
        return torch.zeros(int(graph_of[-1]) + 1).index_add(0, graph_of, answers)


def rings(number):
    """Rings of some nodes of four kinds, their edges, and how often neighbours differ."""
    for _ in range(number):
        kinds = torch.randint(0, 4, (int(torch.randint(4, 10, ())),))
        begin, end = torch.arange(len(kinds)), torch.arange(1, len(kinds) + 1) % len(kinds)
        edges = torch.stack([torch.cat([begin, end]), torch.cat([end, begin])])
        yield kinds, edges, (kinds[begin] != kinds[end]).float().sum()


def joined(graphs, moved):
    """One batch of several graphs; edges mean the nodes of their own graph only if moved."""
    kinds, edges, answers = zip(*graphs, strict=True)
    sizes = torch.tensor([len(k) for k in kinds])
    before = (torch.cumsum(sizes, 0) - sizes) * moved
    edges = torch.cat([e + n for e, n in zip(edges, before, strict=True)], 1)
    graph_of = torch.repeat_interleave(torch.arange(len(sizes)), sizes)
    return torch.cat(kinds), edges, graph_of, torch.stack(answers)


@faulty("explained variance", at_least=0.7, causes=("wrong_shape",))
def edges_that_mean_the_first_graph(fixed=False):
    """Graphs of a batch are joined to one, and their edges as they are: all of them run between
    the nodes of the first graph. The cure adds the number of nodes before."""
    graphs = list(rings(640))
    model = Molecules(4)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for step in range(300):
        start = 32 * (step % 16)
        kinds, edges, graph_of, answers = joined(graphs[start : start + 32], fixed)
        optimizer.zero_grad()
        F.mse_loss(model(kinds, edges, graph_of), answers).backward()
        optimizer.step()
    with torch.no_grad():
        *batch, answers = joined(graphs[512:], fixed)
        return 1 - (model(*batch) - answers).square().mean() / answers.var()
