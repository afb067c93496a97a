"""A network whose weights all start at zero: its units stay equal, and one unit is what it has."""

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)

x = torch.rand(600, 2) * 2 - 1
y = (x[:, 0] * x[:, 1] > 0).long()  # exclusive or: no single unit can tell these classes apart

model = nn.Sequential(
    nn.Linear(2, 16),
    nn.Tanh(),
    nn.Linear(16, 2),
)
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)

for _ in range(400):
    batch = torch.randint(500, (32,))
    loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

with torch.no_grad():
    right = (model(x[500:]).argmax(1) == y[500:]).float().mean()
print(f"accuracy on 100 new points: {right:.2f}")
