"""A classifier to compile, and some recorded steps of its training."""

import torch
from torch import nn

from lifesigns.record import Recorder


class Classifier(nn.Module):
    def __init__(self, dropout=0.0, norm=False):
        super().__init__()
        self.first = nn.Linear(8, 16)
        self.norm = nn.BatchNorm1d(16) if norm else nn.Identity()
        self.act = nn.Sigmoid()
        self.drop = nn.Dropout(dropout)
        self.last = nn.Linear(16, 3)

    def forward(self, x):
        return self.last(self.drop(self.act(self.norm(self.first(x)))))


def batches(steps):
    generator = torch.Generator().manual_seed(3)
    for _ in range(steps):
        x = torch.randn(16, 8, generator=generator)
        yield x, torch.randint(0, 3, (16,), generator=generator)


def readings(make, step_of, sizes=(16, 16, 12), watched=True):
    torch.manual_seed(0)
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    step = step_of(model)
    recorder = Recorder(model, strict=True, every=1)
    if watched:
        recorder.start()
    for size, (x, y) in zip(sizes, batches(len(sizes)), strict=True):
        optimizer.zero_grad()
        step(x[:size], y[:size]).backward()
        optimizer.step()
    recorder.stop()
    return recorder.trace()


def names(trace):
    return [site.name for site in trace.snapshots[-1].graph.sites]
