"""Small data for the programs: bundled or generated, the same each time; and two measures."""

from functools import cache

import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine


def digits():
    """1797 pictures of 8 × 8 pixels in 0…1, not centred, and their digits."""
    return _bunch(load_digits, 1 / 16)


def iris():
    """150 flowers, four standardised features, three classes."""
    return _standardised(load_iris)


def wine():
    """178 wines, 13 standardised features, three classes."""
    return _standardised(load_wine)


def tumours():
    """569 tumours, 30 standardised features, two classes."""
    return _standardised(load_breast_cancer)


def diabetes():
    """442 patients, ten standardised features, a standardised target column."""
    x, y = _standardised(load_diabetes)
    return x, ((y - y.mean()) / y.std()).unsqueeze(1)


def curve(n=256):
    """A sine over −1…1 as two columns."""
    x = torch.linspace(-1, 1, n).unsqueeze(1)
    return x, torch.sin(3 * x)


def moons(n=400):
    """Two interleaved half circles, two classes."""
    angle = torch.pi * torch.rand(n)
    label = torch.arange(n) % 2
    side = 1 - 2 * label
    x = torch.stack([side * angle.cos() + label, side * angle.sin() + 0.5 * label], 1)
    return (x - torch.tensor([0.5, 0.25])) / 0.7 + 0.1 * torch.randn(n, 2), label


def split(x, y, held_out=0.2):
    """Shuffled training and held-out parts: `(x, y), (x, y)`."""
    order = torch.randperm(len(x))
    cut = int(held_out * len(x))
    return (x[order[cut:]], y[order[cut:]]), (x[order[:cut]], y[order[:cut]])


def minibatches(x, y, size, steps):
    """`steps` shuffled mini-batches, epoch after epoch."""
    order = torch.empty(0, dtype=torch.long)
    for _ in range(steps):
        if len(order) < size:
            order = torch.randperm(len(x))
        rows, order = order[:size], order[size:]
        yield x[rows], y[rows]


@torch.no_grad()
def accuracy(model, x, y):
    """Share of the rows whose largest logit is that of their class."""
    model.eval()
    return (model(x).argmax(-1) == y).float().mean()


@torch.no_grad()
def unexplained(model, x, y):
    """Squared error as a share of the variance of the target: 1 is no better than the mean."""
    model.eval()
    return ((model(x) - y) ** 2).mean() / y.var()


@cache
def _bunch(load, scale=1.0):
    bunch = load()
    return torch.tensor(bunch.data * scale, dtype=torch.float32), torch.tensor(bunch.target)


def _standardised(load):
    x, y = _bunch(load)
    return (x - x.mean(0)) / x.std(0), y.long() if y.dtype == torch.int64 else y.float()
