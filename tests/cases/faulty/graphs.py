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
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
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
