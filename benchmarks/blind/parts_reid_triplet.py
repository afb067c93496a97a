"""Re-identification of machine parts from noisy descriptors with batch-hard triplet loss."""
import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)
DIM, LATENT = 64, 12


class PartsWorld:
    def __init__(self):
        g = torch.Generator().manual_seed(0)
        self.w1 = torch.randn(LATENT + 8, 96, generator=g) / 3
        self.w2 = torch.randn(96, DIM, generator=g) / 6

    def draw(self, ids, g):
        nuisance = 2.0 * torch.randn(ids.size(0), 8, generator=g)
        h = torch.tanh(torch.cat([ids, nuisance], 1) @ self.w1) @ self.w2
        return h + 0.05 * torch.randn(h.shape, generator=g)


class PKSampler:
    def __init__(self, world, n_ids, seed, p=12, k=4):
        self.g = torch.Generator().manual_seed(seed)
        self.codes = torch.randn(n_ids, LATENT, generator=self.g)
        self.world, self.p, self.k = world, p, k

    def batch(self):
        pick = torch.randperm(len(self.codes), generator=self.g)[: self.p].repeat_interleave(self.k)
        return self.world.draw(self.codes[pick], self.g), pick


def pairwise(e):
    sq = e.pow(2).sum(1)
    return (sq[:, None] + sq[None] - 2 * e @ e.t()).clamp_min(1e-12).sqrt()


class BatchHardTriplet(nn.Module):
    def __init__(self, margin):
        super().__init__()
        self.margin = margin

    def forward(self, emb, labels):
        dist = pairwise(emb)
        same = (labels[:, None] == labels[None]).float()
        hardest_pos = (dist * same).max(1).values
        hardest_neg = (dist * (1 - same)).min(1).values
        return F.relu(hardest_pos - hardest_neg + self.margin).mean()


class Encoder(nn.Module):
    def __init__(self, out=24):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(DIM, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, out))

    def forward(self, x):
        return F.normalize(self.f(x), dim=1)


@torch.no_grad()
def rank1(model, world, seed=321, ids=200):
    g = torch.Generator().manual_seed(seed)
    codes = torch.randn(ids, LATENT, generator=g)
    gallery, query = model(world.draw(codes, g)), model(world.draw(codes, g))
    return (torch.cdist(query, gallery).argmin(1) == torch.arange(ids)).float().mean().item()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--iters", type=int, default=1500)
    a = p.parse_args()
    torch.manual_seed(a.seed)
    world = PartsWorld()
    sampler = PKSampler(world, 600, 40 + a.seed)
    model = Encoder()
    criterion = BatchHardTriplet(0.3)
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    sched = torch.optim.lr_scheduler.StepLR(opt, 600, 0.3)
    for it in range(a.iters):
        x, y = sampler.batch()
        loss = criterion(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        if it % 300 == 0:
            print(f"{it:5d} loss {loss.item():.4f} rank-1 {rank1(model, world):.3f}")
    print(f"rank-1 on unseen identities {rank1(model, world):.4f}")


if __name__ == "__main__":
    main()
