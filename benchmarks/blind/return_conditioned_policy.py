"""Offline RL by return-conditioned sequence modelling on logged treatment-dosing trajectories."""
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

H, NA = 12, 5


class Dosing:
    """n patients in parallel: level x decays, the dose lifts it; toxic above 1.2; the best band is around 0.8."""

    def __init__(self, n, rng):
        self.n, self.rng = n, rng
        self.sens = rng.uniform(0.7, 1.3, n)
        self.x = rng.uniform(-0.5, 2.0, n)

    def obs(self, t):
        return np.stack([self.x, self.sens, np.full(self.n, t / H)], 1).astype(np.float32)

    def step(self, a):
        self.x = 0.7 * self.x + 0.16 * a * self.sens + 0.03 * self.rng.randn(self.n)
        return (1.0 - np.minimum(2.0, np.abs(self.x - 0.8) * 2) - 0.8 * (self.x > 1.2)).astype(np.float32)


def log_data(n, rng):
    env = Dosing(n, rng)
    skill = rng.uniform(0, 0.7, n)
    S, A, R = [], [], []
    for t in range(H):
        o = env.obs(t)
        want = np.clip(np.round((0.8 - 0.7 * env.x) / (0.16 * env.sens)), 0, NA - 1)
        a = np.where(rng.rand(n) < skill, want, rng.randint(0, NA, n)).astype(np.int64)
        S.append(o)
        A.append(a)
        R.append(env.step(a))
    return np.stack(S, 1), np.stack(A, 1), np.stack(R, 1)


def returns_to_go(r):
    return np.cumsum(r, axis=1)


class Policy(nn.Module):
    def __init__(self, h=64):
        super().__init__()
        self.rnn = nn.GRU(4, h, batch_first=True)
        self.head = nn.Sequential(nn.Linear(h + 4, h), nn.ReLU(), nn.Linear(h, NA))

    def forward(self, s, g, hid=None):
        x = torch.cat([s, g[..., None] / 6], -1)
        y, hid = self.rnn(x, hid)
        return self.head(torch.cat([y, x], -1)), hid


@torch.no_grad()
def rollout(policy, target, rng, n=300):
    env = Dosing(n, rng)
    g = np.full(n, target, np.float32)
    hid, total = None, np.zeros(n)
    for t in range(H):
        logits, hid = policy(torch.from_numpy(env.obs(t))[:, None], torch.from_numpy(g)[:, None], hid)
        r = env.step(torch.distributions.Categorical(logits=logits[:, 0]).sample().numpy())
        g = g - r
        total += r
    return total.mean()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    seed = ap.parse_args().seed
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng = np.random.RandomState(seed)
    S, A, R = log_data(3000, rng)
    G = returns_to_go(R)
    best = float(np.quantile(R.sum(1), 0.98))
    S, A, G = torch.from_numpy(S), torch.from_numpy(A), torch.from_numpy(G)
    policy = Policy()
    opt = torch.optim.AdamW(policy.parameters(), lr=2e-3)
    for step in range(800):
        i = torch.randint(0, len(S), (64,))
        logits, _ = policy(S[i], G[i])
        loss = F.cross_entropy(logits.reshape(-1, NA), A[i].reshape(-1))
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        opt.step()
        if step % 200 == 199:
            print(step + 1, f"action loss {loss.item():.4f}")
    print(f"logged mean return {R.sum(1).mean():.3f}")
    print(f"achieved return {rollout(policy, best, np.random.RandomState(50)):.3f}")


main()
