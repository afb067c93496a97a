"""One recorded step of SGD, with everything that an obvious computation needs."""

import torch
import torch.nn.functional as F
from oracles.recorded import snapshot
from torch import nn


class Trained:
    """One step of SGD on a small network, with everything an oracle needs."""

    def __init__(self, model, x, y, *, rate=0.1, scaled=lambda loss: loss, optimizer=None):
        self.model, self.before = model, {n: p.detach().clone() for n, p in named(model)}
        optimizer = optimizer or torch.optim.SGD(model.parameters(), rate)

        def step():
            scaled(F.mse_loss(model(x), y)).backward()
            optimizer.step()

        self.snapshot = snapshot(step, model, [optimizer])

    def __getitem__(self, name):
        return self.snapshot.parameter(name)


def named(model):
    return list(model.named_parameters())


def small(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)), torch.randn(7, 3)
