import torch
import torch.nn.functional as F
from data import digits, minibatches
from program import faulty
from torch import nn


class Attributes(nn.Module):
    """One trunk, and a head for each thing that is asked of a picture."""

    def __init__(self, **classes):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(64, 48), nn.ReLU())
        self.heads = nn.ModuleDict({name: nn.Linear(48, n) for name, n in classes.items()})

    def forward(self, x):
        z = self.trunk(x)
        return {name: head(z) for name, head in self.heads.items()}


@faulty("accuracy over all heads", at_least=0.85, causes=("wrong_loss", "frozen", "other"))
def losses_of_which_the_last_is_kept(fixed=False):
    """A loop over the heads assigns the loss where it should add it: that of the last head is
    left."""
    x, y = digits()
    asked = {"parity": y % 2, "is_round": (y % 10 > 5).long(), "digit": y}
    model = Attributes(parity=2, is_round=2, digit=10)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for xb, rows in minibatches(x, torch.arange(len(x)), 64, 250):
        said, loss = model(xb), 0.0
        for name, wanted in asked.items():
            loss = F.cross_entropy(said[name], wanted[rows]) + (loss if fixed else 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    said = model(x)
    hits = [(said[name].argmax(1) == wanted).float().mean() for name, wanted in asked.items()]
    return sum(hits) / len(hits)
