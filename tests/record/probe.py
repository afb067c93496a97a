"""An activation behind a linear map that passes its input on unchanged, in one recorded step."""

import numpy as np
import torch
from oracles.recorded import snapshot
from torch import nn

UNITS = 6
GRID = np.linspace(-9.05, 9.2, 60).reshape(10, UNITS)
"""Preactivations from one flat end to the other; none at a kink."""


class Probe(nn.Module):
    """A linear map that passes its input on unchanged, and an activation behind it."""

    def __init__(self, call, carrier=None):
        super().__init__()
        self.carrier = nn.Linear(UNITS, UNITS, bias=False) if carrier is None else carrier
        with torch.no_grad():
            eye = torch.eye(UNITS).reshape(self.carrier.weight.shape)
            self.carrier.weight.copy_(eye)
        self.call = call

    def forward(self, x):
        return self.call(self.carrier(x))


def probed(call, grid=GRID, carrier=None):
    """A recorded step whose preactivation is `grid`; the snapshot, the output and its gradient."""
    model = Probe(call, carrier).double()
    kept = {}

    def step():
        kept["output"] = model(torch.tensor(grid))
        upstream = torch.randn(kept["output"].shape, generator=generator, dtype=torch.float64)
        kept["upstream"] = upstream
        (kept["output"] * upstream).sum().backward()

    generator = torch.Generator().manual_seed(0)
    taken = snapshot(step, model)
    return taken, kept["output"].detach().numpy(), kept["upstream"].numpy()
