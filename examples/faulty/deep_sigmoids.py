"""Four sigmoids in a row: each passes on at most a quarter of the gradient, and little arrives."""

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)

x = torch.rand(600, 2) * 2 - 1
y = (x.square().sum(1) < 0.6).long()  # inside of a circle, or outside

model = nn.Sequential(
    nn.Linear(2, 32),
    nn.Sigmoid(),
    nn.Linear(32, 32),
    nn.Sigmoid(),
    nn.Linear(32, 32),
    nn.Sigmoid(),
    nn.Linear(32, 32),
    nn.Sigmoid(),
    nn.Linear(32, 2),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for _ in range(600):
    batch = torch.randint(500, (32,))
    loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

with torch.no_grad():
    right = (model(x[500:]).argmax(1) == y[500:]).float().mean()
print(f"accuracy on 100 new points: {right:.2f}")
