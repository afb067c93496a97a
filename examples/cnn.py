"""A convolutional network on handwritten digits, with batch normalisation and in-place ReLU.

    python examples/cnn.py
    lifesigns run examples/cnn.py

In-place activations overwrite their input and module hooks on them see the wrong values. lifesigns
reads what the autograd graph kept for the backward pass, so they make no difference. A *unit* of a
convolution is a channel: a channel is dead when it is zero at every position of every picture.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)

digits = load_digits()
pictures = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1)  # [n, 1, 8, 8]
labels = torch.tensor(digits.target)
shuffled = torch.randperm(len(pictures))
train, held_out = shuffled[:1400], shuffled[1400:]

model = nn.Sequential(
    nn.Conv2d(1, 16, kernel_size=3, padding=1, bias=False),  # batch norm brings its own bias
    nn.BatchNorm2d(16),
    nn.ReLU(inplace=True),
    nn.MaxPool2d(2),  # 8 x 8 to 4 x 4
    nn.Conv2d(16, 32, kernel_size=3, padding=1, bias=False),
    nn.BatchNorm2d(32),
    nn.ReLU(inplace=True),
    nn.AdaptiveAvgPool2d(1),  # one number a channel
    nn.Flatten(),
    nn.Linear(32, 10),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

for epoch in range(8):
    model.train()
    for batch in train[torch.randperm(len(train))].split(64):
        loss = loss_fn(model(pictures[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    model.eval()  # batch norm now uses its running statistics
    with torch.no_grad():
        correct = model(pictures[held_out]).argmax(dim=1) == labels[held_out]
    print(f"epoch {epoch + 1}  accuracy on held-out digits: {correct.float().mean():.3f}")
