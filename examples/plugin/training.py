"""A training that loses what it has learned half-way, by a checkpoint that is loaded too late."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(256, 4)
y = x @ torch.tensor([[1.0], [-2.0], [0.5], [3.0]])

model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
forgotten = {name: value.clone() for name, value in model.state_dict().items()}

for step in range(150):
    if step == 130:
        model.load_state_dict(forgotten)
    optimizer.zero_grad()
    nn.functional.mse_loss(model(x), y).backward()
    optimizer.step()
