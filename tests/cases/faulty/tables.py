import torch
import torch.nn.functional as F
from data import minibatches, split, unexplained
from program import faulty
from torch import nn


class Factors(nn.Module):
    """A factorisation machine of second order."""

    def __init__(self, sizes, moved):
        super().__init__()
        self.weights, self.factors = nn.Embedding(sum(sizes), 1), nn.Embedding(sum(sizes), 4)
        nn.init.normal_(self.factors.weight, std=0.1)
        sizes = torch.tensor(sizes)
        self.register_buffer("starts", (sizes.cumsum(0) - sizes) * moved)

    def forward(self, x):
        x = x + self.starts
        factors = self.factors(x)
        pairs = factors.sum(1).square() - factors.square().sum(1)
        return self.weights(x).sum((1, 2)) + pairs.sum(1) / 2


class Phases(nn.Module):
    """A curve of known period over time."""

    def __init__(self, period):
        super().__init__()
        self.period = period
        self.net = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, t):
        phase = 6.2832 * torch.remainder(t / self.period, 1.0)
        return self.net(torch.stack([phase.sin(), phase.cos()], 1))


def fitted(model, x, y, held_out, rate=0.01):
    """Trains a regression on a table; the squared error that it leaves on rows held out."""
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for xb, yb in minibatches(x, y, 64, 400):
        optimizer.zero_grad()
        F.mse_loss(model(xb), yb).backward()
        optimizer.step()
    return unexplained(model, *held_out)


@faulty("squared error left", at_most=0.4, causes=("wrong_shape",))
def fields_that_all_begin_at_row_0(fixed=False):
    """Users, films and days are numbered from 0 each, and look up one table with rows for all of
    them: user 3 is film 3 as well."""
    sizes = [40, 25, 7]
    x = torch.stack([torch.randint(size, (2000,)) for size in sizes], 1)
    users, films = torch.randn(sizes[0], 2), torch.randn(sizes[1], 2)
    days = torch.randn(sizes[2]) / 2
    y = (users[x[:, 0]] * films[x[:, 1]]).sum(1) + days[x[:, 2]] + films[x[:, 1], 0]
    (x, y), held_out = split(x, y)
    model = Factors(sizes, moved=fixed)
    return fitted(model, x, y, held_out, rate=0.02)


@faulty("squared error left", at_most=0.45, causes=("unnormalised_input",))
def minus_9999_among_the_measurements(fixed=False):
    """What was not measured is -9999 where the columns are scaled: all else is one value then."""
    x = torch.randn(2000, 6)
    y = (x[:, :1] + x[:, 1:2].abs() + x[:, 2:3] * x[:, 3:4].sign()) / 1.5
    measured = 100 + 10 * x
    measured[torch.rand(2000, 6) < torch.tensor([0.2, 0.1, 0.05, 0.3, 0.1, 0.5]) / 2] = -9999
    if fixed:
        measured = measured.masked_fill(measured == -9999, torch.nan)
        mean = measured.nanmean(0)
        measured = torch.where(measured.isnan(), mean, measured)
    x = (measured - measured.mean(0)) / measured.std(0)
    (x, y), held_out = split(x, y)
    model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))
    return fitted(model, x, y, held_out)


@faulty("squared error left", at_most=0.1, causes=("other",))
def dropout_behind_the_output(fixed=False):
    """Each layer is given its dropout, the last one too: predictions are 0 at random, and what is
    least wrong with that is half of each target."""
    x = torch.randn(1200, 4)
    y = (x[:, :1] * 2 + x[:, 1:2].tanh() - x[:, 2:3].abs()) / 2
    (x, y), held_out = split(x, y - y.mean())
    layers = [nn.Linear(4, 48), nn.ReLU(), nn.Linear(48, 1)]
    model = nn.Sequential(*layers) if fixed else nn.Sequential(*layers, nn.Dropout(0.5))
    return fitted(model, x, y, held_out)


@faulty("squared error left by the worst of three tasks", at_most=0.35, causes=("wrong_loss",))
def weights_of_losses_by_softmax(fixed=False):
    """Three tasks are weighed by a softmax that is trained with them: the easiest gets it all."""
    x = torch.randn(1200, 6)
    noise = 0.3 * torch.randn(1200)
    y = torch.stack([x[:, 0], (2 * x[:, 1]).sin() + noise, x[:, 2] * x[:, 3]], 1)
    (x, y), (held_out, expected) = split(x, y)
    model = nn.Sequential(nn.Linear(6, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU())
    model.append(nn.Linear(64, 3))
    w = nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.Adam(
        [{"params": model.parameters()}, {"params": [w], "lr": 0.05}], 0.005
    )
    for xb, yb in minibatches(x, y, 64, 400):
        out = model(xb)
        losses = torch.stack([F.mse_loss(out[:, k], yb[:, k]) for k in range(3)])
        loss = (torch.exp(-w) * losses + w).sum() if fixed else (w.softmax(0) * losses).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return ((model(held_out) - expected).square().mean(0) / expected.var(0)).max()


@faulty("squared error left of what was measured", at_most=0.1, causes=("wrong_loss",))
def gaps_in_the_targets_set_to_zero(fixed=False):
    """Of six measurements of each sample half are missing, and 0 counts in their place."""
    x = torch.randn(600, 8)
    y = torch.tanh(x @ torch.randn(8, 6) / 2)
    y = (y - y.mean(0)) / y.std(0)
    known = torch.rand(600, 6) > 0.5
    model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 6))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for row, _ in minibatches(torch.arange(600), torch.arange(600), 64, 300):
        apart = model(x[row]) - y[row] * known[row]
        optimizer.zero_grad()
        (apart[known[row]] if fixed else apart).square().mean().backward()
        optimizer.step()
    with torch.no_grad():
        return (model(x) - y).square().mean()


@faulty("squared error left", at_most=0.3, causes=("unnormalised_input",))
def dates_rounded_to_quarters_of_a_day(fixed=False):
    """A star swings in half a day, and float32 knows quarters of a day near 2,457,000."""
    when = torch.rand(2000, dtype=torch.float64) * 900
    y = torch.sin(6.2832 / 0.5462 * when).float()
    t = (when if fixed else when + 2_457_000).float()
    model = Phases(0.5462)
    return fitted(model, t[:1600], y[:1600, None], (t[1600:], y[1600:, None]), rate=0.01)
