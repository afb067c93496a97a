"""Ten spokes of a wheel, and a softmax too many: cross-entropy has one of its own."""

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)

angle = torch.rand(1100) * 2 * torch.pi
spoke = (angle * 10 / (2 * torch.pi)).long()
x = torch.stack([angle.cos(), angle.sin()], 1) * (0.2 + torch.rand(1100, 1))

model = nn.Sequential(
    nn.Linear(2, 32),
    nn.Tanh(),
    nn.Linear(32, 10),
    nn.Softmax(dim=1),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
loss_fn = nn.CrossEntropyLoss()

for _ in range(400):
    batch = torch.randint(1000, (32,))
    loss = loss_fn(model(x[batch]), spoke[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

with torch.no_grad():
    right = (model(x[1000:]).argmax(1) == spoke[1000:]).float().mean()
print(f"accuracy on 100 new points: {right:.2f}")
