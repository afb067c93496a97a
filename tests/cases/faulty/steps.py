import torch
import torch.nn.functional as F
from data import accuracy, digits, minibatches, split
from program import faulty
from torch import nn


def convolutions():
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10),
    )  # fmt: skip


@faulty("accuracy", at_least=0.8, causes=("lr_too_low", "other"))
def gradients_clipped_to_a_ten_thousandth(fixed=False):
    """The norm of all gradients is clipped to 0.0001 and plain descent takes what is left: every
    step has the length of a rate ten thousand times smaller."""
    known, unknown = split(*digits())
    model = convolutions()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for x, y in minibatches(*known, 64, 250):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0 if fixed else 1e-4)
        optimizer.step()
    return accuracy(model, *unknown)


@faulty("accuracy", at_least=0.8, causes=("other", "vanishing"))
def decay_that_wins(fixed=False):
    """A weight decay of 0.5 where 0.0005 is meant: all weights shrink to nothing, faster than the
    loss can bring them back, and every picture gets the same answer."""
    known, unknown = split(*digits())
    model = convolutions()
    decay = 5e-4 if fixed else 0.5
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=decay)
    for x, y in minibatches(*known, 64, 250):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return accuracy(model, *unknown)


@faulty(
    "deviance as a share of that of the mean",
    at_most=0.8,
    causes=("wrong_loss", "wrong_output_activation"),
)
def rates_taken_for_their_logarithms(fixed=False):
    """Rare events: a softplus makes a rate of the output, and the loss, which expects a logarithm
    by default, takes its exponential. No rate below one can be told apart, and all go to zero."""
    x = torch.randn(2000, 5)
    rate = 0.3 * (x[:, 0] + x[:, 1] * x[:, 2]).clamp(-3, 2).exp()
    (x, y), (x_new, y_new) = split(x, torch.poisson(rate).unsqueeze(1))
    model = nn.Sequential(nn.Linear(5, 32), nn.Tanh(), nn.Linear(32, 1), nn.Softplus())
    loss_fn = nn.PoissonNLLLoss(log_input=not fixed)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.003)
    for xb, yb in minibatches(x, y, 100, 400):
        optimizer.zero_grad()
        loss_fn(model(xb), yb).backward()
        optimizer.step()
    with torch.no_grad():
        return deviance(model(x_new), y_new) / deviance(y.mean().expand_as(y_new), y_new)


def deviance(rate, y):
    """Twice the log-likelihood that a model of each count's own rate has and this one lacks."""
    rate = rate.clamp(min=1e-6)
    return 2 * (torch.xlogy(y, y / rate) - y + rate).mean()


@faulty("accuracy", at_least=0.9, causes=("other",))
def gradients_cleared_before_the_step(fixed=False):
    """The gradients are cleared between the backward pass and the step: every step is made, with
    nothing to go by."""
    x, y = digits()
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, yb in minibatches(x, y, 32, 120):
        if fixed:
            optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        if not fixed:
            optimizer.zero_grad()
        optimizer.step()
    return accuracy(model, x, y)


@faulty("accuracy", at_least=0.85, causes=("other",))
def gradients_cleared_between_the_parts(fixed=False):
    """A step is to take the gradients of four parts, which hold different digits; they are cleared
    before each of them, and only those of the last part are there when it comes."""
    (x, y), new = split(*digits())
    parts = [minibatches(x[y % 4 == k], y[y % 4 == k], 16, 250) for k in range(4)]
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for batches in zip(*parts, strict=True):
        optimizer.zero_grad()
        for xb, yb in batches:
            if not fixed:
                optimizer.zero_grad()
            (F.cross_entropy(model(xb), yb) / 4).backward()
        optimizer.step()
    return accuracy(model, *new)


@faulty("squared error left", at_most=0.06, causes=("other", "lr_too_high"))
def betas_the_wrong_way_round(fixed=False):
    """Adam's momentum averages a thousand gradients and its scale ten of them: it follows what was
    right long ago."""
    x = torch.randn(1200, 6)
    y = (x[:, :1] * x[:, 1:2] + (2 * x[:, 2:3]).sin() + x[:, 3:4]) / 2
    (x, y), (held_out, expected) = split(x, y)
    model = nn.Sequential(nn.Linear(6, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
    model.append(nn.Linear(64, 1))
    betas = (0.9, 0.999) if fixed else (0.999, 0.9)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003, betas=betas)
    for xb, yb in minibatches(x, y, 64, 600):
        optimizer.zero_grad()
        F.mse_loss(model(xb), yb).backward()
        optimizer.step()
    with torch.no_grad():
        return F.mse_loss(model(held_out), expected)
