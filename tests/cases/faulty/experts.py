import torch
import torch.nn.functional as F
from data import accuracy, digits, minibatches, split, unexplained
from program import faulty
from torch import nn


class Mixture(nn.Module):
    """Four linear experts, of which a gate that starts undecided picks one for each row."""

    def __init__(self, width_in, out, weighted, experts=4):
        super().__init__()
        self.gate = nn.Linear(width_in, experts)
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)
        self.experts = nn.ModuleList(nn.Linear(width_in, out) for _ in range(experts))
        self.weighted = weighted

    def forward(self, x):
        share, chosen = self.gate(x).softmax(1).max(1)
        out = torch.stack([expert(x) for expert in self.experts], 1)
        out = out[torch.arange(len(x)), chosen]
        return share.unsqueeze(1) * out if self.weighted else out


@faulty("unexplained variance", at_most=0.3, causes=("frozen", "bad_init"))
def gate_that_only_picks(fixed=False):
    """The gate of a mixture of experts starts at zero and only picks: no gradient reaches it, the
    first expert gets every row, and one linear map cannot fit a fold. The cure multiplies what
    the expert says by the gate's share."""
    x = torch.randn(800, 6)
    y = 2 * x[:, :1].abs() - 2 * x[:, 1:2].abs() + 0.05 * torch.randn(800, 1)
    known, unknown = split(x, y)
    model = Mixture(6, 1, weighted=fixed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for xb, yb in minibatches(*known, 64, 400):
        optimizer.zero_grad()
        F.mse_loss(model(xb), yb).backward()
        optimizer.step()
    return unexplained(model, *unknown)


class TopOne(nn.Module):
    """Four linear experts, of which each row gets the one with the largest share."""

    def __init__(self, width_in, out, normalised, experts=4):
        super().__init__()
        self.gate = nn.Linear(width_in, experts)
        self.experts = nn.ModuleList(nn.Linear(width_in, out) for _ in range(experts))
        self.normalised = normalised

    def forward(self, x):
        share, chosen = self.gate(x).softmax(1).topk(1)
        if self.normalised:
            share = share / share.sum(1, keepdim=True)
        out = torch.stack([expert(x) for expert in self.experts], 1)
        return share * out[torch.arange(len(x)), chosen[:, 0]]


@faulty("unexplained variance", at_most=0.45, causes=("wrong_shape", "other"))
def share_of_one_expert_by_itself(fixed=False):
    """The shares of the experts that were picked are made to add up to 1, and one is picked: the
    gate gets no gradient and sends the rows where it did by chance."""
    maps = torch.randn(2, 6, 3)
    x = torch.randn(1600, 6)
    corner = (x[:, 0] > 0).long() * 2 + (x[:, 1] > 0).long()
    y = torch.einsum("nd,ndk->nk", x, torch.cat([maps, -maps])[corner])
    known, unknown = split(x, y)
    model = TopOne(6, 3, normalised=not fixed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, yb in minibatches(*known, 64, 500):
        optimizer.zero_grad()
        F.mse_loss(model(xb), yb).backward()
        optimizer.step()
    return unexplained(model, *unknown)


class Adapted(nn.Module):
    """A frozen layer and a product of two thin matrices beside it."""

    def __init__(self, frozen, rank=8, zeros=False):
        super().__init__()
        self.frozen = frozen.requires_grad_(False)
        self.down = nn.Linear(frozen.in_features, rank, bias=False)
        self.up = nn.Linear(rank, frozen.out_features, bias=False)
        nn.init.zeros_(self.up.weight)
        if zeros:
            nn.init.zeros_(self.down.weight)

    def forward(self, x):
        return self.frozen(x) + self.up(self.down(x))


@faulty("accuracy on the new labels", at_least=0.85, causes=("bad_init", "frozen"))
def adapters_of_two_zeros(fixed=False):
    """Both thin matrices of each adapter start at zero: the gradient of each is the other times
    something, so that neither ever leaves zero."""
    x, y = digits()
    base = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(base.parameters(), lr=0.005)
    for xb, yb in minibatches(x, y, 64, 100):
        optimizer.zero_grad()
        F.cross_entropy(base(xb), yb).backward()
        optimizer.step()

    known, unknown = split(x, (y + 3) % 10)
    model = nn.Sequential(
        Adapted(base[0], zeros=not fixed), nn.ReLU(), Adapted(base[2], zeros=not fixed)
    )
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.01)
    for xb, yb in minibatches(*known, 32, 300):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb, label_smoothing=0.05).backward()
        optimizer.step()
    return accuracy(model, *unknown)


class Dispatched(nn.Module):
    """Four small experts, each of which is given its rows together: they are sorted for that."""

    def __init__(self, width_in, out, put_back, experts=4):
        super().__init__()
        self.gate = nn.Linear(width_in, experts)
        self.experts = nn.ModuleList(nn.Linear(width_in, out) for _ in range(experts))
        self.first, self.put_back = nn.Linear(width_in, width_in), put_back

    def forward(self, x):
        x = self.first(x)
        share, chosen = self.gate(x).softmax(1).max(1)
        order = chosen.argsort(stable=True)
        pieces = x[order].split(torch.bincount(chosen, minlength=4).tolist())
        out = [expert(rows) for expert, rows in zip(self.experts, pieces, strict=True)]
        out = torch.cat(out)[order.argsort() if self.put_back else order]
        return share.unsqueeze(1) * out


@faulty("unexplained variance", at_most=0.3, causes=("wrong_shape", "other"))
def rows_sorted_by_their_expert_twice(fixed=False):
    """Rows are sorted by their expert, and what the experts say is put back by the same order
    instead of its inverse: each row gets what was said to another."""
    x = torch.randn(1200, 6)
    y = x @ torch.randn(6, 3) * (1 + (x[:, :1] > 0).float())
    known, unknown = split(x, y)
    model = Dispatched(6, 3, put_back=fixed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, yb in minibatches(*known, 64, 300):
        optimizer.zero_grad()
        F.mse_loss(model(xb), yb).backward()
        optimizer.step()
    return unexplained(model, *unknown)
