"""Few-shot glyph recognition with prototypical networks; train and test classes are disjoint."""
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class Glyphs:
    """Each class is a random polyline; samples differ by an affine warp, stroke jitter and noise."""

    def __init__(self, n_classes, seed):
        rng = np.random.RandomState(seed)
        self.strokes = [rng.uniform(-0.8, 0.8, (5, 2)) for _ in range(n_classes)]

    def draw(self, c, rng):
        p = self.strokes[c] + 0.06 * rng.randn(5, 2)
        ang, sc = rng.uniform(-0.25, 0.25), rng.uniform(0.85, 1.15)
        R = sc * np.array([[np.cos(ang), -np.sin(ang)], [np.sin(ang), np.cos(ang)]])
        p = p @ R.T + rng.uniform(-0.1, 0.1, 2)
        t = np.linspace(0, 1, 12)[:, None]
        pts = np.concatenate([p[i] * (1 - t) + p[i + 1] * t for i in range(4)])
        img = np.zeros((14, 14), np.float32)
        ij = np.clip(((pts + 1) / 2 * 13).round().astype(int), 0, 13)
        img[ij[:, 0], ij[:, 1]] = 1.0
        return img + 0.1 * rng.randn(14, 14).astype(np.float32)


def build_bank(n_classes, per_class, seed, rng):
    gl = Glyphs(n_classes, seed)
    return torch.tensor(np.stack([[gl.draw(c, rng) for _ in range(per_class)] for c in range(n_classes)]))[:, :, None]


def sample_episode(bank, way, shot, query, rng):
    classes = rng.choice(len(bank), way, replace=False)
    sx, sy, qx, qy = [], [], [], []
    for episode_label, c in enumerate(classes):
        pick = rng.choice(bank.shape[1], shot + query, replace=False)
        sx.append(bank[c, pick[:shot]])
        sy += [int(c)] * shot
        qx.append(bank[c, pick[shot:]])
        qy += [episode_label] * query
    return torch.cat(sx), torch.tensor(sy), torch.cat(qx), torch.tensor(qy), torch.tensor(classes)


def conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))


class ProtoNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(conv(1, 24), conv(24, 32), nn.Flatten(), nn.Linear(32 * 9, 48))

    def forward(self, sx, sy, qx, classes):
        z = self.encoder(torch.cat([sx, qx]))
        zs, zq = z[:len(sx)], z[len(sx):]
        protos = torch.stack([zs[sy == c].mean(0) for c in torch.unique(sy)])
        return -torch.cdist(zq, protos).pow(2) / 4


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    rng = np.random.RandomState(args.seed)
    train, test = build_bank(60, 20, 1, rng), build_bank(20, 20, 2, rng)
    model = ProtoNet()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    for ep in range(1, 301):
        model.train()
        sx, sy, qx, qy, cls = sample_episode(train, 6, 1, 5, rng)
        logits = model(sx, sy, qx, cls)
        loss = F.cross_entropy(logits, qy)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if ep % 50 == 0:
            print(f"episode {ep} loss {loss.item():.3f} acc {(logits.argmax(1) == qy).float().mean().item():.3f}")
    model.eval()
    hits = n = 0
    rng = np.random.RandomState(5)
    with torch.no_grad():
        for _ in range(100):
            sx, sy, qx, qy, cls = sample_episode(test, 6, 1, 5, rng)
            z, zs = model.encoder(qx), model.encoder(sx)
            near = torch.cdist(z, zs).argmin(1)
            hits += (sy[near] == cls[qy]).sum().item()
            n += len(qy)
    print(f"one-shot accuracy {hits / n:.4f}")


main()
