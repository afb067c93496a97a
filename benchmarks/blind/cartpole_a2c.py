# Actor-critic on a batch of cart-poles (course assignment, week 6)
import os
import math
import torch
import torch.nn as nn
from torch.distributions import Categorical

torch.set_num_threads(1)
torch.manual_seed(int(os.environ.get("SEED", "0")))


class CartPoles:
    """n independent cart-poles, reset on their own when they fall"""
    g, mc, mp, l, f, dt = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02

    def __init__(self, n):
        self.n = n
        self.s = self._fresh(n)
        self.t = torch.zeros(n)

    def _fresh(self, k):
        return (torch.rand(k, 4) - 0.5) * 0.1

    def step(self, a):
        x, xd, th, thd = self.s.unbind(1)
        force = torch.where(a == 1, self.f, -self.f)
        c, s = th.cos(), th.sin()
        tot = self.mc + self.mp
        tmp = (force + self.mp * self.l * thd ** 2 * s) / tot
        thacc = (self.g * s - c * tmp) / (self.l * (4 / 3 - self.mp * c ** 2 / tot))
        xacc = tmp - self.mp * self.l * thacc * c / tot
        self.s = torch.stack([x + self.dt * xd, xd + self.dt * xacc, th + self.dt * thd, thd + self.dt * thacc], 1)
        self.t += 1
        fell = (self.s[:, 0].abs() > 2.4) | (self.s[:, 2].abs() > 12 * math.pi / 180)
        done = fell
        reward = torch.ones(self.n)
        lengths = self.t[done].tolist()
        k = int(done.sum())
        if k:
            self.s = self.s.clone()
            self.s[done] = self._fresh(k)
            self.t[done] = 0
        return self.s, reward, done.float(), lengths


V_SCALE = 50.0


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.pi = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2))
        self.v = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 1))

    def forward(self, s):
        s = s * torch.tensor([1.0, 1.0, 5.0, 1.0])
        return Categorical(logits=self.pi(s)), V_SCALE * self.v(s).squeeze(-1)


gamma = 0.99
n_envs, horizon = 64, 20
env = CartPoles(n_envs)
net = Policy()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
obs = env.s
recent = []

for it in range(400):
    logps, vals, rews, dones, ents = [], [], [], [], []
    for _ in range(horizon):
        dist, v = net(obs)
        a = dist.sample()
        logps.append(dist.log_prob(a))
        ents.append(dist.entropy())
        vals.append(v)
        obs, r, d, lens = env.step(a)
        rews.append(r)
        dones.append(d)
        recent = (recent + lens)[-60:]
    with torch.no_grad():
        ret = net(obs)[1]
    targets = [None] * horizon
    for k in range(horizon - 1, -1, -1):
        ret = rews[k] + gamma * ret
        targets[k] = ret
    targets, vals = torch.stack(targets), torch.stack(vals)
    adv = (targets - vals).detach()
    adv = (adv - adv.mean()) / (adv.std() + 1e-6)
    pg = -(torch.stack(logps) * adv).mean()
    vf = ((vals - targets) / V_SCALE).pow(2).mean()
    loss = pg + 1.0 * vf - 0.01 * torch.stack(ents).mean()
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 0.5)
    opt.step()
    if it % 100 == 99:
        print(f"iter {it + 1} vf {vf.item():.4f} mean episode {sum(recent) / max(1, len(recent)):.1f}")

# greedy evaluation, first episode of 50 fresh poles
ev = CartPoles(50)
alive, length = torch.ones(50), torch.zeros(50)
with torch.no_grad():
    for _ in range(200):
        length += alive
        _, _, d, _ = ev.step(net(ev.s)[0].probs.argmax(1))
        alive = alive * (1 - d)
print(f"score: {length.mean().item():.2f}")
