import argparse
import copy
import torch
import torch.nn as nn
import torch.nn.functional as F


class PointMass:
    """A batch of planar point masses pushed towards the origin; 25 steps an episode."""

    def __init__(self, n):
        self.n = n
        self.reset()

    def reset(self):
        self.pos = torch.rand(self.n, 2) * 2 - 1
        self.vel = torch.zeros(self.n, 2)
        self.t = 0
        return self.obs()

    def obs(self):
        return torch.cat([self.pos, self.vel], 1)

    def step(self, a):
        self.vel = 0.8 * self.vel + 0.1 * a
        self.pos = (self.pos + self.vel).clamp(-2, 2)
        self.t += 1
        r = -self.pos.norm(dim=1) - 0.02 * a.pow(2).sum(1)
        return self.obs(), r, self.t >= 25


def mlp(i, o, h=64):
    return nn.Sequential(nn.Linear(i, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, o))


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp(4, 4)

    def forward(self, s):
        mu, ls = self.net(s).chunk(2, -1)
        dist = torch.distributions.Normal(mu, ls.clamp(-5, 2).exp())
        u = dist.rsample()
        a = torch.tanh(u)
        logp = (dist.log_prob(u) - torch.log(1 - a.pow(2) + 1e-6)).sum(-1)
        return a, logp, torch.tanh(mu)


class SAC:
    def __init__(self, act_dim=2, gamma=0.95, tau=0.02):
        self.actor = Actor()
        self.q1, self.q2 = mlp(6, 1), mlp(6, 1)
        self.t1, self.t2 = copy.deepcopy(self.q1), copy.deepcopy(self.q2)
        self.log_alpha = torch.tensor(-2.0, requires_grad=True)
        self.target_entropy = float(act_dim)
        self.gamma, self.tau = gamma, tau
        self.opt_a = torch.optim.Adam(self.actor.parameters(), lr=2e-3)
        self.opt_q = torch.optim.Adam([*self.q1.parameters(), *self.q2.parameters()], lr=2e-3)
        self.opt_alpha = torch.optim.Adam([self.log_alpha], lr=5e-3)

    def update(self, s, a, r, s2):
        alpha = self.log_alpha.exp().detach()
        with torch.no_grad():
            a2, lp2, _ = self.actor(s2)
            x2 = torch.cat([s2, a2], 1)
            tq = torch.min(self.t1(x2), self.t2(x2)).squeeze(1) - alpha * lp2
            y = r + self.gamma * tq
        x = torch.cat([s, a], 1)
        lq = F.mse_loss(self.q1(x).squeeze(1), y) + F.mse_loss(self.q2(x).squeeze(1), y)
        self.opt_q.zero_grad()
        lq.backward()
        self.opt_q.step()

        an, lp, _ = self.actor(s)
        xn = torch.cat([s, an], 1)
        la = (alpha * lp - torch.min(self.q1(xn), self.q2(xn)).squeeze(1)).mean()
        self.opt_a.zero_grad()
        la.backward()
        self.opt_a.step()

        l_alpha = -(self.log_alpha.exp() * (lp.detach() + self.target_entropy)).mean()
        self.opt_alpha.zero_grad()
        l_alpha.backward()
        self.opt_alpha.step()
        with torch.no_grad():
            for t, q in ((self.t1, self.q1), (self.t2, self.q2)):
                for p, v in zip(t.parameters(), q.parameters()):
                    p.lerp_(v, self.tau)
        return lq.item(), alpha.item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    env, agent = PointMass(16), SAC()
    buf = [[], [], [], []]
    s = env.reset()
    for step in range(600):
        with torch.no_grad():
            a = agent.actor(s)[0] if step > 20 else torch.rand(16, 2) * 2 - 1
        s2, r, done = env.step(a)
        for store, v in zip(buf, (s, a, r, s2)):
            store.append(v)
        s = env.reset() if done else s2
        if step > 20:
            data = [torch.cat(v) for v in buf]
            i = torch.randint(0, len(data[0]), (128,))
            lq, alpha = agent.update(*(v[i] for v in data))
        if step % 150 == 149:
            print(f"step {step + 1} critic {lq:.3f} alpha {alpha:.3f}")
    torch.manual_seed(99)
    ev, total = PointMass(256), 0.0
    s, done = ev.reset(), False
    with torch.no_grad():
        while not done:
            s, r, done = ev.step(agent.actor(s)[0])
            total += r.mean().item()
    print(f"evaluation return {total:.3f}")


main()
