"""REINFORCE with a learned baseline on a self-contained cart-pole."""
import argparse
import math
import random
import numpy as np
import torch
import torch.nn as nn
from torch.distributions import Categorical


class CartPole:
    def __init__(self, seed, max_steps=200):
        self.rng = np.random.default_rng(seed)
        self.max_steps = max_steps

    def reset(self):
        self.s = self.rng.uniform(-0.05, 0.05, 4)
        self.t = 0
        return self.s.copy()

    def step(self, a):
        x, xd, th, thd = self.s
        force = 10.0 if a == 1 else -10.0
        c, s = math.cos(th), math.sin(th)
        tmp = (force + 0.05 * thd ** 2 * s) / 1.1
        thacc = (9.8 * s - c * tmp) / (0.5 * (4 / 3 - 0.1 * c ** 2 / 1.1))
        xacc = tmp - 0.05 * thacc * c / 1.1
        self.s = np.array([x + 0.02 * xd, xd + 0.02 * xacc, th + 0.02 * thd, thd + 0.02 * thacc])
        self.t += 1
        fell = abs(self.s[0]) > 2.4 or abs(self.s[2]) > 0.2095
        return self.s.copy(), 1.0, fell or self.t >= self.max_steps


class VecCartPole:
    """Several environments stepped together; finished ones wait for the rest."""

    def __init__(self, n, seed):
        self.envs = [CartPole(seed * 1000 + i) for i in range(n)]

    def rollout(self, policy, greedy=False):
        n = len(self.envs)
        obs = np.stack([e.reset() for e in self.envs])
        alive = np.ones(n, bool)
        O, A, R, M = [], [], [], []
        while alive.any():
            with torch.no_grad():
                logits = policy(torch.tensor(obs, dtype=torch.float32))
            a = logits.argmax(1) if greedy else Categorical(logits=logits).sample()
            O.append(obs.copy()); A.append(a.numpy()); M.append(alive.copy())
            r = np.zeros(n)
            for i, e in enumerate(self.envs):
                if alive[i]:
                    obs[i], r[i], done = e.step(int(a[i]))
                    alive[i] = not done
            R.append(r)
        to = lambda z, d: torch.tensor(np.array(z), dtype=d)
        return to(O, torch.float32), to(A, torch.long), to(R, torch.float32), to(M, torch.bool)


def mlp(out):
    return nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, out))


def discount(rewards, gamma):
    out = torch.zeros_like(rewards)
    run = torch.zeros(rewards.shape[1])
    for t in reversed(range(rewards.shape[0])):
        run = rewards[t] + gamma * run
        out[t] = run
    return out


class Agent:
    def __init__(self, lr=1e-2, gamma=0.99):
        self.policy, self.value = mlp(2), mlp(1)
        self.gamma = gamma
        self.opt = torch.optim.Adam([
            {"params": self.policy.parameters(), "lr": lr},
            {"params": self.value.parameters(), "lr": lr},
        ])

    def update(self, obs, act, rew, mask):
        r = rew[mask]
        rew = torch.where(mask, (rew - r.mean()) / (r.std() + 1e-8), torch.zeros_like(rew))
        ret = discount(rew, self.gamma)[mask]
        obs, act = obs[mask], act[mask]
        value = self.value(obs).squeeze(-1)
        adv = ret - value.detach()
        logp = Categorical(logits=self.policy(obs)).log_prob(act)
        policy_loss = -(logp * adv).mean()
        value_loss = nn.functional.mse_loss(value, ret)
        loss = policy_loss + 0.5 * value_loss
        self.opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.policy.parameters(), 1.0)
        self.opt.step()
        return policy_loss.item(), value_loss.item()


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--iterations", type=int, default=110)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed); np.random.seed(args.seed); random.seed(args.seed)

    env = VecCartPole(8, args.seed + 1)
    agent = Agent()
    for it in range(args.iterations):
        batch = env.rollout(agent.policy)
        pl, vl = agent.update(*batch)
        if it % 10 == 0:
            print(f"it {it:3d} steps/episode {batch[2].sum(0).mean():6.1f} policy {pl:+.4f} value {vl:.4f}")

    test = VecCartPole(10, args.seed + 777)
    with torch.no_grad():
        score = test.rollout(agent.policy, greedy=True)[2].sum(0).mean().item()
    print(f"mean test return: {score:.1f}")
