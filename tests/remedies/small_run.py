"""A small network and a step of its training, for the tests of edits."""

import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    """Two functional activations of a kind, and a module of its own."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 1)
        self.act = nn.Tanh()

    def forward(self, x):
        x = torch.sigmoid(self.first(x))
        x = self.act(self.second(x))
        return self.last(x).sigmoid()


def batch(size=64):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(size, 4, generator=generator), torch.rand(size, 1, generator=generator)


def step(run, loss=F.mse_loss):
    x, y = batch()
    run.optimizer.zero_grad()
    loss(run.model(x), y).backward()
    run.optimizer.step()
