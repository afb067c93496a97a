import os
import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)

# Maintenance tickets: a log of 20 event vectors; label = code of the one event that matches the ticket's query
N_KEY, N_VAL, T, D = 8, 4, 20, 16
key_vec, val_vec = rng.normal(size=(N_KEY, D)), rng.normal(size=(N_VAL, D))


def tickets(n):
    ev = np.zeros((n, T, 2 * D), np.float32)
    qs = np.zeros((n, D), np.float32)
    ys = np.zeros(n, np.int64)
    for b in range(n):
        keys = rng.integers(0, N_KEY, T)
        vals = rng.integers(0, N_VAL, T)
        q = rng.integers(0, N_KEY)
        keys[keys == q] = (q + 1) % N_KEY
        pos = rng.integers(0, T)
        keys[pos] = q
        ev[b, :, :D] = key_vec[keys] + 0.2 * rng.normal(size=(T, D))
        ev[b, :, D:] = val_vec[vals] + 0.2 * rng.normal(size=(T, D))
        qs[b] = key_vec[q] + 0.2 * rng.normal(size=D)
        ys[b] = vals[pos]
    return torch.tensor(ev), torch.tensor(qs), torch.tensor(ys)


class Attention(nn.Module):
    def __init__(self, d_q, d_ev, d):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(d_q, d), nn.Linear(d_ev, d), nn.Linear(d_ev, d)
        self.scale = 1 / math.sqrt(d)

    def forward(self, query, events):
        q = self.q(query).unsqueeze(1)                      # B 1 d
        k, v = self.k(events), self.v(events)               # B T d
        scores = torch.bmm(q, k.transpose(1, 2)) * self.scale
        weights = F.softmax(scores, dim=1)
        return torch.bmm(weights, v).squeeze(1)


class TicketNet(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.att = Attention(D, 2 * D, d)
        self.norm = nn.LayerNorm(d)
        self.mlp = nn.Sequential(nn.Linear(d, 32), nn.ReLU(), nn.Linear(32, N_VAL))

    def forward(self, ev, q):
        return self.mlp(self.norm(self.att(q, ev)))


train, test = tickets(3000), tickets(800)
net = TicketNet()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(15):
    net.train()
    tot = 0.0
    for idx in torch.randperm(3000).split(60):
        ev, q, y = (t[idx] for t in train)
        loss = F.cross_entropy(net(ev, q), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() * len(idx)
    if epoch % 3 == 2:
        print("epoch", epoch + 1, "loss %.4f" % (tot / 3000))
net.eval()
with torch.no_grad():
    print("score: %.4f" % (net(test[0], test[1]).argmax(1) == test[2]).float().mean())
