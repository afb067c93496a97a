"""Activations written as functions, four ways: nothing here is an `nn.ReLU` module.

    python examples/functional_style.py
    lifesigns run examples/functional_style.py

Tools that hook modules see nothing between these matrix products. To the autograd graph they are
what they compute: each becomes a site of the report, with its dead share and its measured
derivative factor.
"""

import math

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn

torch.manual_seed(0)
torch.set_num_threads(1)

digits = load_digits()
pixels = torch.tensor(digits.data / 16, dtype=torch.float32)
labels = torch.tensor(digits.target)
shuffled = torch.randperm(len(pixels))
train, held_out = shuffled[:1400], shuffled[1400:]


def he_normal(fan_in: int, fan_out: int) -> nn.Parameter:
    """Weights that keep the signal's scale through a ReLU (He et al. 2015)."""
    return nn.Parameter(torch.randn(fan_in, fan_out) * math.sqrt(2 / fan_in))


class Functional(nn.Module):
    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.first, self.second = he_normal(64, width), he_normal(width, width)
        self.third, self.fourth = he_normal(width, width), he_normal(width, width)
        self.output = nn.Parameter(torch.randn(width, 10) / math.sqrt(width))
        self.bias = nn.Parameter(torch.zeros(10))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(x @ self.first)
        x = (x @ self.second).clamp(min=0)  # a ReLU
        z = x @ self.third
        x = torch.where(z > 0, z, 0.1 * z)  # a leaky ReLU
        z = x @ self.fourth
        x = z * torch.sigmoid(z)  # SiLU
        return x @ self.output + self.bias


model = Functional()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(15):
    for batch in train[torch.randperm(len(train))].split(32):
        log_probabilities = F.log_softmax(model(pixels[batch]), dim=1)
        loss = F.nll_loss(log_probabilities, labels[batch])  # together: cross-entropy
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1:2}  loss {loss.item():.3f}")

with torch.no_grad():
    correct = model(pixels[held_out]).argmax(dim=1) == labels[held_out]
print(f"accuracy on held-out digits: {correct.float().mean():.3f}")
