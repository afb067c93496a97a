"""PPO in a key-and-door corridor. Port of a JAX agent."""
import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Categorical

torch.set_num_threads(1)


class Corridor:
    """n parallel corridors: pick up the key on the left end, then open the door on the right end."""

    def __init__(self, n, length=7, limit=32):
        self.n, self.length, self.limit = n, length, limit
        self.pos, self.key, self.t = (torch.zeros(n, dtype=torch.long) for _ in range(3))
        self.reset(torch.ones(n, dtype=torch.bool))

    def reset(self, m):
        self.pos[m] = self.length // 2
        self.key[m] = 0
        self.t[m] = 0

    def obs(self):
        return torch.cat([F.one_hot(self.pos, self.length).float(), self.key[:, None].float()], 1)

    def step(self, a):
        self.pos = (self.pos + a - 1).clamp(0, self.length - 1)
        self.key = torch.where(self.pos == 0, torch.ones_like(self.key), self.key)
        self.t += 1
        win = (self.pos == self.length - 1) & (self.key == 1)
        done = win | (self.t >= self.limit)
        self.reset(done)
        return self.obs(), win.float(), done.float(), win


class ActorCritic(nn.Module):
    def __init__(self, n_in, n_act):
        super().__init__()
        self.pi = nn.Sequential(nn.Linear(n_in, 32), nn.Tanh(), nn.Linear(32, n_act))
        self.v = nn.Sequential(nn.Linear(n_in, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, x):
        return Categorical(logits=self.pi(x)), self.v(x).squeeze(-1)


def gae(rewards, values, dones, last_value, gamma=0.97, lam=0.95):
    next_values = torch.cat([values[1:], last_value[None]])
    deltas = rewards + gamma * next_values * (1 - dones) - values
    adv, carry = torch.zeros_like(deltas), torch.zeros_like(last_value)
    for t in range(len(deltas)):
        carry = deltas[t] + gamma * lam * (1 - dones[t]) * carry
        adv[t] = carry
    return adv, adv + values


def rollout(env, net, obs, horizon):
    buf = [[] for _ in range(6)]
    wins = ends = 0
    for _ in range(horizon):
        with torch.no_grad():
            dist, v = net(obs)
            a = dist.sample()
        nxt, r, d, w = env.step(a)
        for b, item in zip(buf, (obs, a, dist.log_prob(a), v, r, d)):
            b.append(item)
        obs, wins, ends = nxt, wins + w.sum().item(), ends + d.sum().item()
    with torch.no_grad():
        last = net(obs)[1]
    return [torch.stack(b) for b in buf], last, obs, wins / max(ends, 1)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--updates", type=int, default=52)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    env = Corridor(32)
    net = ActorCritic(8, 3)
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    obs = env.obs()
    for u in range(args.updates):
        (o, a, lp, v, r, d), last, obs, rate = rollout(env, net, obs, 40)
        adv, ret = gae(r, v, d, last)
        o, a, lp, adv, ret = [z.flatten(0, 1) for z in (o, a, lp, adv, ret)]
        for _ in range(3):
            for idx in torch.randperm(len(o)).split(320):
                dist, val = net(o[idx])
                ratio = (dist.log_prob(a[idx]) - lp[idx]).exp()
                ad = (adv[idx] - adv[idx].mean()) / (adv[idx].std() + 1e-8)
                policy = -torch.min(ratio * ad, ratio.clamp(0.8, 1.2) * ad).mean()
                loss = policy + 0.5 * F.mse_loss(val, ret[idx]) - 0.01 * dist.entropy().mean()
                opt.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(net.parameters(), 0.5)
                opt.step()
        if u % 8 == 7:
            print(f"update {u + 1} success {rate:.3f}")
    # fresh environments; reward per step counts quick solutions
    env = Corridor(200)
    data, _, _, rate = rollout(env, net, env.obs(), 64)
    print(f"mean reward per 100 steps {100 * data[4].mean().item():.3f}")


main()
