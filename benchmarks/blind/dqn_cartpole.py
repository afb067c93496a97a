"""DQN (Mnih et al.) on a numpy cart-pole, several carts stepped in parallel for speed."""
import math
import os
import numpy as np
import torch
import torch.nn as nn

SEED = int(os.environ.get("SEED", "0"))
torch.set_num_threads(1)
torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)


class CartPoles:
    def __init__(self, n, limit=200):
        self.n, self.limit = n, limit
        self.s = rng.uniform(-0.05, 0.05, (n, 4))
        self.t = np.zeros(n, dtype=int)

    def step(self, a):
        x, v, th, w = self.s.T
        f = np.where(a == 1, 10.0, -10.0)
        c, s = np.cos(th), np.sin(th)
        tmp = (f + 0.05 * w ** 2 * s) / 1.1
        acc = (9.8 * s - c * tmp) / (0.5 * (4 / 3 - 0.1 * c ** 2 / 1.1))
        xa = tmp - 0.05 * acc * c / 1.1
        dt = 0.02
        nxt = np.stack([x + dt * v, v + dt * xa, th + dt * w, w + dt * acc], 1)
        self.t += 1
        fell = (np.abs(nxt[:, 0]) > 2.4) | (np.abs(nxt[:, 2]) > 12 * math.pi / 180)
        over = fell | (self.t >= self.limit)
        self.s = nxt.copy()
        lens = self.t[over].copy()
        self.s[over] = rng.uniform(-0.05, 0.05, (over.sum(), 4))
        self.t[over] = 0
        return nxt, np.ones(self.n), fell, over, lens


class QNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.tensor([2.4, 2.0, 0.21, 2.0]))
        self.f = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))

    def forward(self, s):
        return self.f(s / self.scale)


class Replay:
    def __init__(self, cap):
        self.cap, self.k, self.full = cap, 0, False
        self.S, self.S2 = np.zeros((cap, 4), "f4"), np.zeros((cap, 4), "f4")
        self.A, self.R, self.D = np.zeros(cap, int), np.zeros(cap, "f4"), np.zeros(cap, "f4")

    def push(self, s, a, r, s2, d):
        i = (self.k + np.arange(len(a))) % self.cap
        self.S[i], self.A[i], self.R[i], self.S2[i], self.D[i] = s, a, r, s2, d
        self.k += len(a)

    def sample(self, n):
        i = rng.integers(0, min(self.k, self.cap), n)
        return [torch.as_tensor(z[i]) for z in (self.S, self.A, self.R, self.S2, self.D)]


gamma, n_env, total = 0.98, 8, 3000
envs, mem = CartPoles(n_env), Replay(20000)
q, target = QNet(), QNet()
target.load_state_dict(q.state_dict())
opt = torch.optim.Adam(q.parameters(), lr=1e-3)
sched = torch.optim.lr_scheduler.LinearLR(opt, 1.0, 0.1, total)
recent = []
for step in range(total):
    eps = max(0.05, 1 - step / 800)
    s = envs.s.copy()
    with torch.no_grad():
        greedy = q(torch.as_tensor(s, dtype=torch.float32)).argmax(1).numpy()
    a = np.where(rng.random(n_env) < eps, rng.integers(0, 2, n_env), greedy)
    s2, r, fell, over, lens = envs.step(a)
    recent += lens.tolist()
    mem.push(s, a, r, s2, fell)
    if mem.k < 500:
        continue
    S, A, R, S2, D = mem.sample(128)
    with torch.no_grad():
        y = R + gamma * target(S2).max(1)[0]
    loss = nn.functional.smooth_l1_loss(q(S).gather(1, A[:, None]).squeeze(1), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    if step % 100 == 0:
        target.load_state_dict(q.state_dict())
    if step % 500 == 0:
        print("step", step, "loss %.3f" % loss.item(), "episode length", np.mean(recent[-40:]).round(1))

ev = CartPoles(100)
alive = np.ones(100, bool)
length = np.zeros(100)
with torch.no_grad():
    for _ in range(200):
        a = q(torch.as_tensor(ev.s, dtype=torch.float32)).argmax(1).numpy()
        _, _, fell, over, _ = ev.step(a)
        length += alive
        alive &= ~over
print("mean greedy episode length of 100 (max 200, higher is better)")
print("score: %.2f" % length.mean())
