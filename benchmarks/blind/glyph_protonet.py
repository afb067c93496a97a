"""Prototypical networks, 5-way 5-shot, on procedurally drawn glyphs (Omniglot-like)."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

S = 16


class GlyphBank:
    """Each class is a set of strokes; every drawing jitters the control points."""

    def __init__(self, n_classes, rng):
        self.rng = rng
        self.protos = [rng.uniform(2, S - 3, size=(rng.integers(2, 4), 3, 2)) for _ in range(n_classes)]
        self.grid = np.stack(np.mgrid[:S, :S], -1).reshape(-1, 2).astype(float)

    def draw(self, c):
        pts = self.protos[c] + self.rng.normal(0, 0.9, self.protos[c].shape)
        pts = (pts - S / 2) * self.rng.uniform(0.85, 1.15) + S / 2 + self.rng.normal(0, 0.9, 2)
        u = np.linspace(0, 1, 12)[:, None]
        curve = np.concatenate([(1 - u) ** 2 * p[0] + 2 * u * (1 - u) * p[1] + u ** 2 * p[2] for p in pts])
        d = ((self.grid[:, None] - curve[None]) ** 2).sum(-1).min(1)
        return np.exp(-d / 0.9).reshape(S, S).astype(np.float32)

    def cache(self, per_class):
        self.images = np.stack([[self.draw(c) for _ in range(per_class)] for c in range(len(self.protos))])
        return self


def episode(images, n_way, k_shot, n_query, rng):
    classes = rng.choice(len(images), n_way, replace=False)
    shots = np.stack([rng.permutation(images.shape[1])[:k_shot + n_query] for _ in classes])
    sup = [images[c, s] for j in range(k_shot) for c, s in zip(classes, shots[:, j])]
    qry = [images[c, s] for j in range(k_shot, k_shot + n_query) for c, s in zip(classes, shots[:, j])]
    yq = torch.arange(n_way).repeat(n_query)
    return torch.from_numpy(np.stack(sup))[:, None], torch.from_numpy(np.stack(qry))[:, None], yq


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))


class ProtoNet(nn.Module):
    def __init__(self, w=24):
        super().__init__()
        self.f = nn.Sequential(block(1, w), block(w, w), block(w, w), nn.Flatten())

    def forward(self, support, query, n_way, k_shot):
        z = self.f(torch.cat([support, query]))
        zs, zq = z[:len(support)], z[len(support):]
        protos = zs.view(n_way, k_shot, -1).mean(1)
        return -torch.cdist(zq, protos).pow(2)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--episodes", type=int, default=220)
    ap.add_argument("--way", type=int, default=5)
    ap.add_argument("--shot", type=int, default=5)
    ap.add_argument("--query", type=int, default=8)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    train, test = GlyphBank(80, rng).cache(18), GlyphBank(30, rng).cache(18)
    net = ProtoNet()
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    sched = torch.optim.lr_scheduler.StepLR(opt, 80, 0.5)
    for ep in range(a.episodes):
        net.train()
        s, q, y = episode(train.images, a.way, a.shot, a.query, rng)
        logits = net(s, q, a.way, a.shot)
        loss = F.cross_entropy(logits, y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        if ep % 50 == 0:
            print(f"episode {ep} loss {loss.item():.3f} acc {(logits.argmax(1) == y).float().mean():.3f}")
    net.eval()
    accs = []
    with torch.no_grad():
        for _ in range(60):
            s, q, y = episode(test.images, a.way, a.shot, a.query, rng)
            accs.append((net(s, q, a.way, a.shot).argmax(1) == y).float().mean().item())
    print(f"novel-class accuracy {np.mean(accs):.4f}")


if __name__ == "__main__":
    main()
