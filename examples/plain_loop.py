"""A plain PyTorch training loop: handwritten digits, a network of two hidden layers.

    python examples/plain_loop.py
    lifesigns run examples/plain_loop.py

The script knows nothing of lifesigns. The second command trains the same network to the same
weights, bit for bit, and adds a report on standard error.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)  # so small a network runs fastest on one core

# 1797 pictures of 8 x 8 pixels, each pixel from 0 to 16; scaled to 0...1.
digits = load_digits()
pixels = torch.tensor(digits.data / 16, dtype=torch.float32)
labels = torch.tensor(digits.target)
shuffled = torch.randperm(len(pixels))
train, held_out = shuffled[:1400], shuffled[1400:]

model = nn.Sequential(
    nn.Linear(64, 64),
    nn.ReLU(),
    nn.Linear(64, 64),
    nn.ReLU(),
    nn.Linear(64, 10),  # ten logits, one a class: cross-entropy applies the softmax itself
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(20):
    for batch in train[torch.randperm(len(train))].split(32):
        loss = loss_fn(model(pixels[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1:2}  loss {loss.item():.3f}")

with torch.no_grad():
    correct = model(pixels[held_out]).argmax(dim=1) == labels[held_out]
print(f"accuracy on held-out digits: {correct.float().mean():.3f}")
