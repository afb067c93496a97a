"""Trains a classifier some steps, and says which steps were recorded."""

import torch
import torch.nn.functional as F


def sgd(*modules, rate=0.1):
    return torch.optim.SGD([p for m in modules for p in m.parameters()], rate)


def steps(trace):
    """Step and stream of every snapshot."""
    return [(s.step, s.stream) for s in trace.snapshots]


def train(model, optimizer, batch, count=1):
    for _ in range(count):
        optimizer.zero_grad()
        F.cross_entropy(model(batch[0]), batch[1]).backward()
        optimizer.step()
