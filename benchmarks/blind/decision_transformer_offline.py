"""Return-conditioned sequence policy learned from logged episodes of mixed quality."""
import argparse
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)


@dataclass
class Config:
    horizon: int = 16
    context: int = 4
    width: int = 48
    heads: int = 4
    layers: int = 2
    episodes: int = 800
    steps: int = 500
    batch: int = 64
    lr: float = 2e-3
    scale: float = 10.0


class GridForage:
    """Pick up the goods on a ring of cells: obs = one-hot place + stock of the three cells around. Move left/right/stay."""

    n_cells, n_actions = 9, 3

    def reset(self, rng):
        self.pos = int(rng.integers(self.n_cells))
        self.stock = rng.random(self.n_cells) * (rng.random(self.n_cells) < 0.5)
        return self.obs()

    def obs(self):
        here = np.zeros(self.n_cells)
        here[self.pos] = 1
        near = [self.stock[(self.pos + d) % self.n_cells] for d in (-2, -1, 0, 1, 2)]
        return np.concatenate([here, near]).astype(np.float32)

    def step(self, a):
        self.pos = (self.pos + a - 1) % self.n_cells
        r = self.stock[self.pos]
        self.stock[self.pos] = 0.0
        self.stock += 0.06
        return self.obs(), float(r)


def behave(env, obs, skill, rng):
    if rng.random() < skill:
        near = obs[env.n_cells:]
        gain = [near[1] + 0.5 * near[0], near[2], near[3] + 0.5 * near[4]]
        return int(np.argmax(gain))
    return int(rng.integers(env.n_actions))


def reward_to_go(rewards):
    return np.cumsum(rewards).astype(np.float32)


def collect(cfg, rng):
    env, S, A, G, R = GridForage(), [], [], [], []
    for _ in range(cfg.episodes):
        skill = rng.choice([0.0, 0.3, 0.9], p=[0.5, 0.35, 0.15])
        obs, s, a, r = env.reset(rng), [], [], []
        for _ in range(cfg.horizon):
            act = behave(env, obs, skill, rng)
            s.append(obs)
            a.append(act)
            obs, rew = env.step(act)
            r.append(rew)
        S.append(s)
        A.append(a)
        G.append(reward_to_go(np.array(r)))
        R.append(sum(r))
    print(f"logged return mean {np.mean(R):.2f} best {np.max(R):.2f}")
    return torch.tensor(np.array(S)), torch.tensor(A), torch.tensor(np.array(G)), float(np.quantile(R, 0.98))


class DecisionTransformer(nn.Module):
    def __init__(self, cfg, obs_dim, n_actions):
        super().__init__()
        d = cfg.width
        self.cfg = cfg
        self.e_obs, self.e_ret = nn.Linear(obs_dim, d), nn.Linear(1, d)
        self.e_act, self.e_time = nn.Embedding(n_actions, d), nn.Embedding(cfg.horizon, d)
        layer = nn.TransformerEncoderLayer(d, cfg.heads, 2 * d, dropout=0.0, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, cfg.layers, norm=nn.LayerNorm(d), enable_nested_tensor=False)
        self.head = nn.Linear(d, n_actions)

    def forward(self, obs, act, ret, time):
        b, t = act.shape
        pos = self.e_time(time)
        tok = torch.stack([self.e_ret(ret[..., None] / self.cfg.scale) + pos, self.e_obs(obs) + pos, self.e_act(act) + pos], 2)
        tok = tok.reshape(b, 3 * t, -1)
        mask = torch.triu(torch.ones(3 * t, 3 * t, dtype=torch.bool), 1)
        return self.head(self.body(tok, mask=mask)[:, 1::3])


@torch.no_grad()
def rollout(model, cfg, target, rng, n=60):
    envs = [GridForage() for _ in range(n)]
    obs = [torch.tensor(np.stack([e.reset(rng) for e in envs]))]
    ret, act, total = [torch.full((n,), target)], [torch.zeros(n, dtype=torch.long)], np.zeros(n)
    for t in range(cfg.horizon):
        lo = max(0, t - cfg.context + 1)
        time = torch.arange(lo, t + 1).expand(n, -1)
        logits = model(torch.stack(obs[lo:], 1), torch.stack(act[lo:], 1), torch.stack(ret[lo:], 1), time)
        choice = logits[:, -1].argmax(-1)
        act[-1] = choice
        out = [e.step(int(a)) for e, a in zip(envs, choice)]
        rew = np.array([o[1] for o in out])
        total += rew
        obs.append(torch.tensor(np.stack([o[0] for o in out])))
        ret.append(ret[-1] - torch.tensor(rew, dtype=torch.float32))
        act.append(torch.zeros(n, dtype=torch.long))
    return total.mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    cfg = Config()
    rng = np.random.default_rng(args.seed)
    torch.manual_seed(args.seed)
    S, A, G, goal = collect(cfg, rng)
    model = DecisionTransformer(cfg, S.shape[-1], GridForage.n_actions)
    opt = torch.optim.AdamW(model.parameters(), lr=cfg.lr, weight_decay=1e-2)
    for step in range(cfg.steps):
        ep = torch.randint(len(S), (cfg.batch, 1))
        start = torch.randint(cfg.horizon - cfg.context + 1, (cfg.batch, 1))
        idx = start + torch.arange(cfg.context)
        logits = model(S[ep, idx], A[ep, idx], G[ep, idx], idx)
        loss = F.cross_entropy(logits.reshape(-1, 3), A[ep, idx].reshape(-1))
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        if step % 100 == 0:
            print(f"step {step} loss {loss.item():.4f}")
    model.eval()
    score = rollout(model, cfg, goal, np.random.default_rng(777 + args.seed))
    print(f"return when asked for {goal:.1f}: {score:.3f}")


if __name__ == "__main__":
    main()
