"""A network whose output is what the test chose, and numbers to choose."""

import numpy as np
import torch
from oracles.recorded import snapshot
from torch import nn


class Returns(nn.Module):
    """A network whose output is what the test chose."""

    def __init__(self, output):
        super().__init__()
        self.output = nn.Parameter(torch.ones(()).double())
        self.values = torch.as_tensor(output).double()

    def forward(self, x):
        return self.output * self.values


def loss_of(output, target, call, scaled=lambda loss: loss):
    """The reading of `call(output, target)`, and the loss itself."""
    model = Returns(output)
    kept = []

    def step():
        kept.append(call(model(torch.ones(1)), target))
        scaled(kept[0]).backward()

    return snapshot(step, model).loss, kept[0].item()


def numbers(seed, shape):
    return np.random.default_rng(seed).normal(size=shape)


def shares(seed, shape):
    return np.random.default_rng(seed).uniform(0.05, 0.95, size=shape)


def classes(seed, samples, count):
    return np.random.default_rng(seed).integers(0, count, samples)


def distribution(seed, shape):
    rows = shares(seed, shape)
    return rows / rows.sum(-1, keepdims=True)
