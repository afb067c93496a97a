# Elman network written out by hand; course project: forecasting the Lorenz-63 system
import os
import numpy as np
import torch

seed = int(os.environ.get("SEED", "0"))
np.random.seed(seed)
torch.manual_seed(seed)
torch.set_num_threads(1)


def lorenz(n, dt=0.02, burn=1000):
    u = np.random.randn(3) + np.array([1.0, 1.0, 25.0])
    out = []
    rhs = lambda v: np.array([10 * (v[1] - v[0]), v[0] * (28 - v[2]) - v[1], v[0] * v[1] - 8 / 3 * v[2]])
    for i in range(n + burn):
        k1 = rhs(u)
        k2 = rhs(u + dt / 2 * k1)
        k3 = rhs(u + dt / 2 * k2)
        k4 = rhs(u + dt * k3)
        u = u + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        if i >= burn:
            out.append(u)
    return np.array(out)


series = lorenz(9000)
mu, sigma = series[:7000].mean(0), series[:7000].std(0)
series = torch.tensor((series - mu) / sigma, dtype=torch.float32)
obs = series[:, :1]                       # only x is measured
train, test = obs[:7000], obs[7000:]
LEAD, WIN = 10, 24                        # predict 0.2 time units ahead


def windows(s, start):
    idx = start[:, None] + torch.arange(WIN)
    return s[idx], s[start + WIN - 1 + LEAD]


class ElmanRNN:
    def __init__(self, n_in, n_hid, n_out):
        self.n_hid = n_hid
        self.Wx = torch.randn(n_in, n_hid)
        self.Wh = torch.randn(n_hid, n_hid)
        self.b = torch.zeros(n_hid)
        self.Wo = torch.randn(n_hid, n_out) / n_hid ** 0.5
        self.bo = torch.zeros(n_out)
        self.params = [self.Wx, self.Wh, self.b, self.Wo, self.bo]
        for p in self.params:
            p.requires_grad_(True)

    def __call__(self, seq):
        h = torch.zeros(seq.shape[0], self.n_hid)
        for t in range(seq.shape[1]):
            h = torch.tanh(seq[:, t] @ self.Wx + h @ self.Wh + self.b)
        return h @ self.Wo + self.bo


rnn = ElmanRNN(1, 64, 1)
opt = torch.optim.Adam(rnn.params, lr=2e-3)
n_iter = 1200
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, n_iter)
for it in range(n_iter):
    start = torch.randint(0, len(train) - WIN - LEAD, (64,))
    x, y = windows(train, start)
    loss = ((rnn(x) - y) ** 2).mean()
    opt.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(rnn.params, 1.0)
    opt.step()
    sched.step()
    if it % 200 == 0:
        print("iteration %d mse %.4f" % (it, loss.item()))

with torch.no_grad():
    x, y = windows(test, torch.arange(0, len(test) - WIN - LEAD))
    mse = ((rnn(x) - y) ** 2).mean().item()
    print("persistence mse %.4f" % ((x[:, -1] - y) ** 2).mean().item())
print("normalised test mse at lead 0.2 (lower is better)")
print("score: %.5f" % mse)
