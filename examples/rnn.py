"""A recurrent network that reads a handwritten digit row by row.

    python examples/rnn.py
    lifesigns run examples/rnn.py

A picture of 8 x 8 pixels becomes a sequence of eight steps with eight numbers each. The same
weights are used at every step, so gradients pass through them eight times: the place where they
fade or blow up in longer sequences. Clipping the gradient norm is the usual guard.
"""

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

torch.manual_seed(0)
torch.set_num_threads(1)

digits = load_digits()
sequences = torch.tensor(digits.images / 16, dtype=torch.float32)  # [n, 8 rows, 8 pixels]
labels = torch.tensor(digits.target)
shuffled = torch.randperm(len(sequences))
train, held_out = shuffled[:1400], shuffled[1400:]


class RowReader(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.GRU(input_size=8, hidden_size=48, batch_first=True)
        self.classify = nn.Linear(48, 10)

    def forward(self, rows: Tensor) -> Tensor:
        states, _ = self.recurrent(rows)
        return self.classify(states[:, -1])  # what is known after the last row


model = RowReader()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

for epoch in range(10):
    for batch in train[torch.randperm(len(train))].split(64):
        loss = loss_fn(model(sequences[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
    if epoch % 2 == 1:
        print(f"epoch {epoch + 1:2}  loss {loss.item():.3f}")

with torch.no_grad():
    correct = model(sequences[held_out]).argmax(dim=1) == labels[held_out]
print(f"accuracy on held-out digits: {correct.float().mean():.3f}")
