import os, math
import numpy as np
import torch
import torch.nn as nn

torch.set_num_threads(1)
seed = int(os.environ.get("SEED", 0))
rng = np.random.RandomState(seed)
torch.manual_seed(seed)

T, CH = 40, 3
STATES = ["idle", "ramp_up", "ramp_down", "cutting", "chatter"]


def record(state):
    t = np.arange(T) / T
    ph = rng.rand() * 2 * math.pi
    base = rng.randn(CH, 1) * 0.4
    if state == 0:
        s = np.zeros((CH, T))
    elif state == 1:
        s = np.stack([t * 2 - 1, t * 1.2 - .6, np.sin(6 * t + ph) * .3])
    elif state == 2:
        s = np.stack([1 - t * 2, .6 - t * 1.2, np.sin(6 * t + ph) * .3])
    elif state == 3:
        s = np.stack([np.sin(2 * math.pi * 3 * t + ph)] * CH)
    else:
        s = np.stack([np.sin(2 * math.pi * 3 * t + ph) * np.cos(2 * math.pi * 9 * t)] * CH)
    return (s + base + rng.randn(CH, T) * 0.35).T


def make(n):
    y = rng.randint(0, len(STATES), n)
    x = np.stack([record(k) for k in y]).astype("float32")
    return torch.tensor(x), torch.tensor(y)


class StateLSTM(nn.Module):
    def __init__(self, n_feat, hidden, n_out):
        super().__init__()
        self.lstm = nn.LSTM(input_size=n_feat, hidden_size=hidden, num_layers=1)
        self.drop = nn.Dropout(0.1)
        self.out = nn.Linear(hidden, n_out)

    def forward(self, x):
        # x: (batch, time, channel)
        h, _ = self.lstm(x)
        last = h[:, -1, :]
        return self.out(self.drop(last))


x_train, y_train = make(1500)
x_test, y_test = make(500)
m, s = x_train.mean((0, 1)), x_train.std((0, 1))
x_train, x_test = (x_train - m) / s, (x_test - m) / s

net = StateLSTM(CH, 48, len(STATES))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x_train, y_train), batch_size=50, shuffle=True)

step = 0
for epoch in range(14):
    net.train()
    for xb, yb in loader:
        logits = net(xb)
        loss = criterion(logits, yb)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % 60 == 0:
            print("step", step, "loss", round(loss.item(), 4))

net.eval()
hits = 0
with torch.no_grad():
    for i in range(0, len(x_test), 50):
        hits += (net(x_test[i:i + 50]).argmax(1) == y_test[i:i + 50]).sum().item()
print(f"score: {hits / len(x_test):.4f}")
