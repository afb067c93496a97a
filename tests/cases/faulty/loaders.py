import torch
import torch.nn.functional as F
from data import accuracy, digits, split
from program import faulty
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def perceptron():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


@faulty("held-out accuracy", at_least=0.85, causes=("wrong_batch_size",))
def first_batch_for_ever(fixed=False):
    """Each step takes `next(iter(loader))` of a loader that does not shuffle: its first batch, over
    and over, which is learnt by heart."""
    (x, y), held_out = split(*digits())
    loader = DataLoader(TensorDataset(x, y), batch_size=64)
    model = perceptron()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    batches = iter(loader)
    for _ in range(400):
        if fixed:
            xb, yb = next(batches, (None, None))
            if xb is None:
                batches = iter(loader)
                xb, yb = next(batches)
        else:
            xb, yb = next(iter(loader))
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, *held_out)
