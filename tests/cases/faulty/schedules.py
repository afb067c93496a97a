import copy

import torch
import torch.nn.functional as F
from data import accuracy, digits, minibatches, split
from program import faulty
from torch import nn


def picture_network():
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


@faulty("held-out accuracy", at_least=0.9, causes=("lr_too_low",))
def decay_counted_in_batches(fixed=False):
    """A decay meant for each epoch is applied after each batch: within sixty batches the rate has
    fallen to a thousandth, long before anything is learnt."""
    (x, y), held_out = split(*digits())
    model = picture_network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.8)
    for _ in range(9):
        for xb, yb in minibatches(x, y, 32, 45):
            optimizer.zero_grad()
            F.cross_entropy(model(xb), yb).backward()
            optimizer.step()
            if not fixed:
                decay.step()
        if fixed:
            decay.step()
    return accuracy(model, *held_out)


class NextLetter(nn.Module):
    def __init__(self):
        super().__init__()
        self.letters = nn.Embedding(12, 24)
        self.state, self.out = nn.LSTM(24, 48, batch_first=True), nn.Linear(48, 12)

    def forward(self, text):
        return self.out(self.state(self.letters(text))[0])


def text(n, follows):
    """Lines of twenty letters, each of which is most often followed by its own successor."""
    letters = [torch.randint(12, (n,))]
    for _ in range(20):
        stray = torch.rand(n) < 0.1
        letters.append(torch.where(stray, torch.randint(12, (n,)), follows[letters[-1]]))
    return torch.stack(letters, 1)


@faulty("perplexity of new text", at_most=4.0, causes=("lr_too_low",))
def warm_up_without_end(fixed=False):
    """A warm-up of four thousand batches is stepped once an epoch: after ten epochs the rate is a
    four-hundredth of what was meant."""
    follows = torch.randperm(12)
    lines = text(640, follows)
    model = NextLetter()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.005)
    length = 40 if fixed else 4000
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: min(1.0, (n + 1) / length))
    for _ in range(10):
        for rows in torch.randperm(640).split(32):
            loss = F.cross_entropy(model(lines[rows, :-1]).transpose(1, 2), lines[rows, 1:])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if fixed:
                rate.step()
        if not fixed:
            rate.step()
    new = text(200, follows)
    with torch.no_grad():
        return F.cross_entropy(model(new[:, :-1]).transpose(1, 2), new[:, 1:]).exp()


@faulty("held-out error over the variance", at_most=0.3, causes=("lr_too_low", "other"))
def steps_lost_in_bfloat16(fixed=False):
    """A wide surrogate of a simulation is kept in bfloat16: steps of 2e-5 are less than half a
    digit of most weights and are rounded away. The cure keeps it in single precision."""
    x = torch.randn(1250, 6)
    drag = x[:, :1] - 2 * x[:, 1:2].tanh() + x[:, 2:3].sin() + 0.3 * x[:, 3:4] ** 2
    drag = (drag - drag.mean()) / drag.std()
    kept_in = torch.float32 if fixed else torch.bfloat16
    model = nn.Sequential(nn.Linear(6, 2048), nn.SiLU(), nn.Linear(2048, 1)).to(kept_in)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-5)
    for xb, yb in minibatches(x[:1000], drag[:1000], 100, 400):
        optimizer.zero_grad()
        F.huber_loss(model(xb.to(kept_in)).float(), yb).backward()
        optimizer.step()
    with torch.no_grad():
        return F.mse_loss(model(x[1000:].to(kept_in)).float(), drag[1000:]) / drag.var()


@faulty("held-out accuracy", at_least=0.8, causes=("lr_too_low",))
def small_decay_counted_in_batches(fixed=False):
    """A decay by a tenth for each epoch is applied after each batch: the rate is gone before the
    weights have moved, and the loss was level all along."""
    (x, y), held_out = split(*digits())
    model = nn.Sequential(
        nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
    for _ in range(25):
        for xb, yb in minibatches(x, y, 32, 44):
            optimizer.zero_grad()
            F.cross_entropy(model(xb), yb).backward()
            optimizer.step()
            if not fixed:
                decay.step()
        if fixed:
            decay.step()
    return accuracy(model, *held_out)


@faulty("accuracy of the average", at_least=0.85, causes=("other",))
def average_of_a_longer_run(fixed=False):
    """What is evaluated is a moving average with the decay of a run of a million steps, 0.9999."""
    (x, y), (x_new, y_new) = split(*digits())
    model = picture_network()
    mean = copy.deepcopy(model).eval()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
    for xb, yb in minibatches(x, y, 64, 300):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
        with torch.no_grad():
            for own, p in zip(mean.parameters(), model.parameters(), strict=True):
                own.lerp_(p, 1 - (0.98 if fixed else 0.9999))
            for own, buffer in zip(mean.buffers(), model.buffers(), strict=True):
                own.copy_(buffer)
    return accuracy(mean, x_new, y_new)


@faulty("accuracy of the average", at_least=0.85, causes=("other",))
def average_without_running_statistics(fixed=False):
    """The moving average is one of the parameters alone: its batch normalisations are evaluated
    with the mean 0 and the variance 1 that they were made with."""
    (x, y), (x_new, y_new) = split(*digits())
    model = picture_network()
    mean = copy.deepcopy(model).eval()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
    for xb, yb in minibatches(10 * x + 20, y, 64, 300):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
        with torch.no_grad():
            for own, p in zip(mean.parameters(), model.parameters(), strict=True):
                own.lerp_(p, 0.02)
            left_out = zip(mean.buffers(), model.buffers(), strict=True)
            for own, buffer in left_out if fixed else ():
                own.copy_(buffer)
    return accuracy(mean, 10 * x_new + 20, y_new)
