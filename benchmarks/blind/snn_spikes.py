"""Leaky integrate-and-fire network on rate-coded digits (backprop through time, after Neftci et al. 2019)."""
import os
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

seed = int(os.environ.get("SEED", "0"))
np.random.seed(seed)
torch.manual_seed(seed)
torch.set_num_threads(1)

# --- simulation constants
time_step = 1e-3
nb_steps = 25
tau_mem = 10e-3
beta = float(np.exp(-time_step / tau_mem))
threshold = 1.0
nb_inputs, nb_hidden, nb_outputs = 64, 24, 10


class SurrGrad(torch.autograd.Function):
    scale = 5.0

    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v > 0).float()

    @staticmethod
    def backward(ctx, g):
        v, = ctx.saved_tensors
        return g / (SurrGrad.scale * v.abs() + 1.0) ** 2


def spike_fn(v):
    return (v > 0).float()


class LIFNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.w1 = nn.Parameter(torch.empty(nb_inputs, nb_hidden))
        self.w2 = nn.Parameter(torch.empty(nb_hidden, nb_outputs))
        nn.init.normal_(self.w1, 0.0, 1.2 / np.sqrt(nb_inputs))
        nn.init.normal_(self.w2, 0.0, 1.0 / np.sqrt(nb_hidden))

    def forward(self, spikes_in):
        b = spikes_in.size(0)
        mem = torch.zeros(b, nb_hidden)
        out = torch.zeros(b, nb_outputs)
        rec, rate = [], 0.0
        for t in range(nb_steps):
            mem = beta * mem + spikes_in[:, t] @ self.w1
            s = spike_fn(mem - threshold)
            mem = mem - s.detach() * threshold
            out = beta * out + s @ self.w2
            rec.append(out)
            rate = rate + s.mean().item()
        return torch.stack(rec, 1), rate / nb_steps


def poisson_encode(x):
    return (torch.rand(x.size(0), nb_steps, x.size(1)) < 0.4 * x[:, None]).float()


X, y = load_digits(return_X_y=True)
Xa, Xb, ya, yb = train_test_split((X / 16).astype("float32"), y, test_size=0.3, random_state=seed, stratify=y)
Xa, Xb, ya, yb = map(torch.from_numpy, (Xa, Xb, ya, yb))

net = LIFNet()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(20):
    tot = 0.0
    for b in torch.randperm(len(Xa)).split(64):
        v, rate = net(poisson_encode(Xa[b]))
        loss = loss_fn(v.mean(1), ya[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() * len(b)
    if epoch % 4 == 0:
        print(f"epoch {epoch}: loss {tot / len(Xa):.3f}  hidden firing prob {rate:.3f}")

with torch.no_grad():
    v, _ = net(poisson_encode(Xb))
print("test accuracy (higher is better)")
print(f"score: {(v.mean(1).argmax(1) == yb).float().mean().item():.4f}")
