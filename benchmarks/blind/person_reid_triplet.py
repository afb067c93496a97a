"""Re-identification embedding with batch-hard triplet loss on gait/appearance descriptors."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class Gallery:
    """People seen by cameras: identity signal lives in a nonlinear subspace, cameras add strong nuisance."""

    def __init__(self, n_ids, per_id, world, rng):
        z = rng.normal(size=(n_ids, 6))
        W1, W2, cam_dirs = world
        rows, ids = [], []
        for i in range(n_ids):
            for _ in range(per_id):
                cam = rng.normal(size=8) * 1.6
                h = np.tanh((z[i] + rng.normal(0, 0.18, 6)) @ W1)
                rows.append(h @ W2 + cam @ cam_dirs + rng.normal(0, 0.15, W2.shape[1]))
                ids.append(i)
        self.x = torch.tensor(np.array(rows), dtype=torch.float32)
        self.ids = torch.tensor(ids)
        self.n_ids, self.per_id = n_ids, per_id

    def pk_batch(self, P, K, rng):
        who = rng.choice(self.n_ids, P, replace=False)
        rows = np.concatenate([w * self.per_id + rng.choice(self.per_id, K, replace=False) for w in who])
        return self.x[rows], self.ids[rows]


def pairwise_distance(e):
    sq = e.pow(2).sum(1)
    d = sq[:, None] + sq[None] - 2 * e @ e.T
    return d.clamp(min=1e-12).sqrt()


def batch_hard_triplet_loss(e, labels, margin=0.5):
    dist = pairwise_distance(e)
    same = labels[:, None] == labels[None]
    eye = torch.eye(len(labels), dtype=torch.bool)
    mask_pos = (same & ~eye).float()
    mask_neg = (~same).float()
    hardest_pos = (mask_pos * dist).max(1).values
    hardest_neg = (mask_neg * dist).min(1).values
    return F.relu(hardest_pos - hardest_neg + margin).mean()


class Embedder(nn.Module):
    def __init__(self, d_in, d=24):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d_in, 96), nn.BatchNorm1d(96), nn.ReLU(), nn.Linear(96, 96),
                                 nn.BatchNorm1d(96), nn.ReLU(), nn.Linear(96, d))

    def forward(self, x):
        return self.net(x)


@torch.no_grad()
def rank1(model, gallery):
    model.eval()
    d = torch.cdist(model(gallery.x), model(gallery.x))
    d.fill_diagonal_(float("inf"))
    return (gallery.ids[d.argmin(1)] == gallery.ids).float().mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--iters", type=int, default=700)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    world = (rng.normal(size=(6, 24)) * 0.6, rng.normal(size=(24, 40)) * 0.5, rng.normal(size=(8, 40)))
    train, test = Gallery(150, 8, world, rng), Gallery(60, 6, world, rng)
    model = Embedder(40)
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    for it in range(args.iters):
        model.train()
        x, y = train.pk_batch(16, 4, rng)
        loss = batch_hard_triplet_loss(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if it % 100 == 0:
            print(f"iter {it} loss {loss.item():.4f}")
    print(f"rank-1 on unseen identities {rank1(model, test):.4f}")


main()
