"""Losses beyond squared error and cross-entropy, that are learned."""

import torch
import torch.nn.functional as F
from data import accuracy, digits, minibatches
from program import healthy
from torch import nn


def network(out, width=32):
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, out))


def fit(model, x, y, loss, *, steps=250, lr=0.005):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for xb, yb in minibatches(x, y, 64, steps):
        optimizer.zero_grad()
        loss(model(xb), yb).backward()
        optimizer.step()
    return model


def missed(prediction, wanted):
    """Share of the variance of `wanted` that a prediction leaves."""
    return (
        (prediction - wanted).square().mean() / (wanted - wanted.mean(0)).square().mean()
    ).item()


@healthy("accuracy", at_least=0.85)
def distribution_by_divergence():
    """Smoothed labels as a distribution, followed by KL divergence as in distillation."""
    x, y = digits()

    def loss(out, labels):
        wanted = 0.9 * F.one_hot(labels, 10) + 0.01
        return F.kl_div(out.log_softmax(1), wanted, reduction="batchmean")

    return accuracy(fit(network(10), x, y, loss), x, y)


@healthy("accuracy", at_least=0.85)
def margins_between_classes():
    """The hinge loss of support vector machines, for ten classes."""
    x, y = digits()
    return accuracy(fit(network(10), x, y, F.multi_margin_loss), x, y)


@healthy("accuracy", at_least=0.85)
def weighted_and_smoothed_classes():
    """Classes that weigh differently, and labels that are smoothed."""
    x, y = digits()
    weight = torch.linspace(0.5, 2, 10)

    def loss(out, labels):
        return F.cross_entropy(out, labels, weight=weight, label_smoothing=0.1)

    return accuracy(fit(network(10), x, y, loss), x, y)


@healthy("unexplained variance of counts", at_most=0.5)
def counts_by_their_likelihood():
    """Bright pixels in the lower half, by Poisson's likelihood."""
    x, _ = digits()
    counts = (x[:, 32:] > 0.5).float().sum(1, keepdim=True)
    model = fit(network(1), x, counts, F.poisson_nll_loss)
    with torch.no_grad():
        return missed(model(x).exp(), counts)


@healthy("accuracy of nearest neighbours", at_least=0.85)
def embedding_by_triplets():
    """Pictures of the same digit are to be nearer than those of others."""
    x, y = digits()
    order = torch.argsort(y)
    x, y = x[order], y[order]
    counts = torch.bincount(y)
    first = counts.cumsum(0) - counts
    model = network(8)

    def loss(_, rows):
        rows = rows.long().squeeze(1)
        same = first[y[rows]] + (torch.rand(len(rows)) * counts[y[rows]]).long()
        other = torch.randint(len(x), (len(rows),))
        return F.triplet_margin_loss(model(x[rows]), model(x[same]), model(x[other]))

    fit(model, x, torch.arange(len(x))[:, None].float(), loss, steps=200)
    with torch.no_grad():
        distances = torch.cdist(model(x), model(x)).fill_diagonal_(float("inf"))
    return (y[distances.argmin(1)] == y).float().mean().item()


@healthy("unexplained variance", at_most=0.6)
def mean_and_variance_by_likelihood():
    """A regression that also says how sure it is."""
    torch.manual_seed(0)
    x = torch.randn(600, 64)
    y = (x[:, :1] - x[:, 1:2]) + 0.2 * torch.randn(600, 1)
    model = fit(
        network(2),
        x,
        y,
        lambda out, y: F.gaussian_nll_loss(out[:, :1], y, out[:, 1:].exp()),
    )
    with torch.no_grad():
        return missed(model(x)[:, :1], y)


@healthy("unexplained variance of the pictures", at_most=0.7)
def picture_and_class_together():
    """Two tasks in one sum: the class, and the picture drawn again."""
    x, y = digits()
    model = network(74, width=48)

    def loss(out, both):
        picture, label = both[:, :64], both[:, 64].long()
        return F.cross_entropy(out[:, 64:], label) + 4 * F.mse_loss(out[:, :64], picture)

    fit(model, x, torch.cat([x, y[:, None].float()], 1), loss, steps=300)
    with torch.no_grad():
        return missed(model(x)[:, :64], x)


@healthy("pairs in order", at_least=0.75)
def places_from_the_last_to_the_first():
    """The likelihood of a ranking (ListMLE): by ascending worth, each is compared with those worth
    less, as the sums of Cox's likelihood would be over those who have left."""
    x, y = digits()
    worth = y + 0.1 * torch.rand(len(y))

    def loss(out, values):
        scores = out.squeeze(1)[torch.argsort(values)]
        return (torch.logcumsumexp(scores, 0) - scores).mean()

    scores = fit(network(1), x, worth, loss)(x).squeeze(1).detach()
    above = worth[:, None] > worth
    return (above & (scores[:, None] > scores)).sum().item() / above.sum().item()


@healthy("concordance", at_least=0.62)
def risk_sets_turned_round():
    """Cox's likelihood, whose rows lie by ascending time, and whose sums run from the last one."""
    x, y = digits()
    ends = -torch.rand(len(y)).log() * torch.exp(0.4 * (4.5 - y)) * 30
    stays = 10 + torch.rand(len(y)) * 80
    time, event = torch.minimum(ends, stays), (ends <= stays).float()

    def loss(out, told):
        rows = torch.argsort(told[:, 0])
        risk, counts = out.squeeze(1)[rows], told[rows, 1]
        sums = torch.logcumsumexp(risk.flip(0), 0).flip(0)
        return -((risk - sums) * counts).sum() / counts.sum()

    risk = fit(network(1), x, torch.stack([time, event], 1), loss)(x).squeeze(1).detach()
    later = (time > time[:, None]) & (event[:, None] == 1)
    return (later & (risk[:, None] > risk)).sum().item() / later.sum().item()
