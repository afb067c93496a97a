"""Losses that are given something else than they take, or that want something else than told."""

import torch
import torch.nn.functional as F
from data import digits, minibatches, unexplained
from program import faulty
from torch import nn


def train(model, steps_of, loss_of, lr=0.005):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for batch in steps_of:
        optimizer.zero_grad()
        loss_of(*batch).backward()
        optimizer.step()


def missed(prediction, wanted):
    """Share of the variance of `wanted` that a prediction leaves."""
    return (
        (prediction - wanted).square().mean() / (wanted - wanted.mean(0)).square().mean()
    ).item()


@faulty("distance from the distributions", at_most=0.2, causes=("wrong_loss",))
def divergence_of_logits(fixed=False):
    """Soft labels, compared by KL divergence with raw outputs."""
    x, y = digits()
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    wanted = (3 * F.one_hot(y, 10).float()).softmax(1)

    def loss(xb, goal):
        out = model(xb)
        return F.kl_div(out.log_softmax(1) if fixed else out, goal, reduction="batchmean")

    train(model, minibatches(x, wanted, 64, 200), loss)
    with torch.no_grad():
        return (model(x).softmax(1) - wanted).abs().sum(1).mean().item() / 2


class Variational(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 32), nn.ReLU())
        self.mean, self.log_variance = nn.Linear(32, 6), nn.Linear(32, 6)
        self.decoder = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 64))

    def forward(self, x):
        h = self.encoder(x)
        mean, log_variance = self.mean(h), self.log_variance(h)
        code = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        return self.decoder(code), mean, log_variance


@faulty("unexplained variance", at_most=0.8, causes=("wrong_loss",))
def reconstruction_averaged_and_penalty_summed(fixed=False):
    """A variational autoencoder: the mean over pixels weighs less than a sum over the code."""
    x, _ = digits()
    model = Variational()

    def loss(xb, _):
        out, mean, log_variance = model(xb)
        squares = F.mse_loss(out, xb, reduction="sum" if fixed else "mean")
        fit = 10 * squares / len(xb) if fixed else squares
        return fit - 0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1).mean()

    train(model, minibatches(x, x, 64, 400), loss)
    with torch.no_grad():
        return missed(model.decoder(model.mean(model.encoder(x))), x)


@faulty("unexplained variance", at_most=0.5, causes=("wrong_shape",))
def clipped_values_against_a_column(fixed=False):
    """A value head trained as in PPO: returns are a column, values are not."""
    torch.manual_seed(0)
    x = torch.randn(600, 4)
    returns = (x[:, :1] - x[:, 1:2]).tanh() + 0.5 * x[:, 2:3]
    model = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 1))

    def loss(xb, goal):
        value = model(xb) if fixed else model(xb).squeeze(-1)
        near = value.clamp(-3, 3)
        return torch.max((goal - value).pow(2), (goal - near).pow(2)).mean()

    train(model, minibatches(x, returns, 32, 300), loss)
    return unexplained(model, x, returns)


@faulty("unexplained variance", at_most=0.4, causes=("wrong_loss",))
def quantiles_without_a_bottom(fixed=False):
    """A pinball loss takes the smaller of both costs in place of the larger: the farther away the
    answers are, the better, and nothing ends that."""
    x = torch.randn(600, 3)
    y = x[:, 0] + 0.5 * torch.randn(600)
    model = nn.Sequential(
        nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    shares, larger = torch.tensor([0.1, 0.9]), torch.maximum if fixed else torch.minimum
    for xb, yb in minibatches(x, y, 50, 400):
        errors = yb[:, None] - model(xb)
        optimizer.zero_grad()
        larger(shares * errors, (shares - 1) * errors).sum(1).mean().backward()
        optimizer.step()
    with torch.no_grad():
        return (model(x).mean(1) - y).square().mean() / y.var()


def sorted_by_rarity():
    """Three of the digits, of which two are rare."""
    x, y = digits()
    kept = torch.cat([(y == 3).nonzero()[:160], (y == 8).nonzero()[:12], (y == 9).nonzero()[:8]])
    x, y = x[kept[:, 0]], torch.tensor([0] * 160 + [1] * 12 + [2] * 8)
    return x, y


@faulty("least recall of three classes", at_least=0.5, causes=("wrong_loss",))
def weighted_by_their_frequency(fixed=False):
    """Class weights that are the frequencies of the classes, not their inverses."""
    x, y = sorted_by_rarity()
    often = y.bincount() / len(y)
    model = nn.Linear(64, 3)
    criterion = nn.CrossEntropyLoss(weight=1 / (3 * often) if fixed else often)
    train(model, minibatches(x, y, 60, 100), lambda xb, yb: criterion(model(xb), yb))
    with torch.no_grad():
        right = (model(x).argmax(1) == y).float()
    return min(right[y == k].mean().item() for k in range(3))


@faulty("accuracy", at_least=0.8, causes=("wrong_labels", "wrong_loss"))
def smoothed_by_the_confidence(fixed=False):
    """Soft labels that give the digit what was meant for all others, a tenth."""
    x, y = digits()
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    own = 0.9 if fixed else 0.1

    def loss(xb, yb):
        shares = torch.full((len(yb), 10), (1 - own) / 9).scatter(1, yb[:, None], own)
        return -(shares * model(xb).log_softmax(1)).sum(1).mean()

    train(model, minibatches(x, y, 64, 200), loss)
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


@faulty("accuracy", at_least=0.8, causes=("wrong_loss", "other"))
def checked_labels_by_number(fixed=False):
    """A third of the labels was not checked and is to be left out, by a mask that is of integers:
    it picks the first two of each batch in place of those that were checked."""
    x, y = digits()
    is_checked = (torch.rand(len(y)) > 0.3).long()
    said = torch.stack([torch.where(is_checked == 1, y, torch.randint(0, 10, y.shape)), is_checked])
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

    def loss(xb, yb):
        label, counts = yb.T
        costs = F.cross_entropy(model(xb), label, reduction="none")
        return costs[counts.bool() if fixed else counts].mean()

    train(model, minibatches(x, said.T, 64, 200), loss)
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


def uneven(n):
    """Numbers whose noise is between a fiftieth and one, as their inputs have it."""
    x = torch.randn(n, 6)
    spread = torch.sigmoid(2 * x[:, :1]) + 0.02
    return x, torch.sin(2 * x[:, 1:2]) + x[:, 2:3] + spread * torch.randn(n, 1)


class MeanAndVariance(nn.Module):
    def __init__(self, positive):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU())
        self.mean, self.variance = nn.Linear(48, 1), nn.Sequential(nn.Linear(48, 1), positive)

    def forward(self, x):
        h = self.body(x)
        return self.mean(h), self.variance(h)


@faulty(
    "negative log-likelihood", at_most=0.6, causes=("wrong_output_activation", "dead_relu", "other")
)
def variance_behind_a_relu(fixed=False):
    """The head of the variance ends in a ReLU: where it gives 0 the likelihood takes its eps for
    the variance, and no gradient ever tells the head."""
    x, y = uneven(1500)
    model = MeanAndVariance(nn.Softplus() if fixed else nn.ReLU())

    def loss(xb, wanted):
        mean, variance = model(xb)
        return F.gaussian_nll_loss(mean, wanted, variance)

    train(model, minibatches(x, y, 64, 500), loss, lr=0.002)
    x, y = uneven(500)
    with torch.no_grad():
        mean, variance = model(x)
        return F.gaussian_nll_loss(mean, y, variance).item()


@faulty("concordance", at_least=0.62, causes=("wrong_loss",))
def risk_sets_of_those_who_left(fixed=False):
    """Cox's likelihood by a growing sum, of which the rows lie by ascending time: each event is
    compared with those who left before it."""
    x = torch.randn(600, 6)
    hazard = 1.2 * x[:, 0] - 0.9 * x[:, 1].relu() + 0.6 * x[:, 2] * (x[:, 3] > 0)
    ends = -torch.rand(600).log() * torch.exp(-hazard) * 30
    stays = 10 + torch.rand(600) * 80
    time, event = torch.minimum(ends, stays), (ends <= stays).float()
    model = nn.Sequential(nn.Linear(6, 16), nn.ELU(), nn.Linear(16, 1, bias=False))

    def loss(xb, times, events):
        rows = torch.argsort(times, descending=fixed)
        risk, counts = model(xb).squeeze(1)[rows], events[rows]
        return -((risk - torch.logcumsumexp(risk, 0)) * counts).sum() / counts.sum()

    picks = (torch.randperm(600)[:100] for _ in range(200))
    train(model, ((x[rows], time[rows], event[rows]) for rows in picks), loss)
    with torch.no_grad():
        risk = model(x).squeeze(1)
    later = (time > time[:, None]) & (event[:, None] == 1)
    return (later & (risk[:, None] > risk)).sum().item() / later.sum().item()
