"""Domain-adversarial training: recognise activities from accelerometer windows on a new device."""
import argparse
import math
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

ACT = ["walk", "run", "stairs", "cycle", "rest"]


class GradReverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, lam):
        ctx.lam = lam
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -ctx.lam * grad, None


def window(act, device, rng, n=48):
    t = np.arange(n) / 24.0
    f = [1.8, 2.8, 1.5, 1.2, 0.0][act] * rng.uniform(0.9, 1.1)
    amp = [1.0, 2.0, 0.9, 0.5, 0.0][act] * rng.uniform(0.8, 1.2)
    ph = rng.uniform(0, 6.28)
    z = amp * np.sin(2 * np.pi * f * t + ph)
    x = amp * [0.3, 0.4, 0.8, 1.2, 0][act] * np.cos(2 * np.pi * f * t + ph)
    y = amp * [0.3, 0.7, 0.6, 0.2, 0][act] * np.sin(4 * np.pi * f * t + ph)
    sig = np.stack([x, y, z + 1.0]) + 0.25 * rng.normal(size=(3, n))
    if device == 1:
        sig = 0.8 * sig + np.array([0.5, -0.4, 0.3])[:, None] + 0.15 * rng.normal(size=(3, n))
        sig[:, 1:] = 0.75 * sig[:, 1:] + 0.25 * sig[:, :-1]
    return sig


def domain(n, device, rng):
    y = rng.integers(0, len(ACT), n)
    x = np.stack([window(a, device, rng) for a in y]).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(y)


class DANN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(3, 24, 7, padding=3), nn.BatchNorm1d(24), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(24, 32, 5, padding=2), nn.BatchNorm1d(32), nn.ReLU(), nn.AdaptiveMaxPool1d(4), nn.Flatten())
        self.activity = nn.Sequential(nn.Linear(128, 32), nn.ReLU(), nn.Linear(32, len(ACT)))
        self.domain = nn.Sequential(nn.Linear(128, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x, lam=0.0):
        h = GradReverse.apply(self.features(x), lam)
        return self.activity(h), self.domain(h).squeeze(1)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=12)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    xs, ys = domain(900, 0, rng)
    xt, yt = domain(900, 1, rng)
    x_eval, y_eval = domain(400, 1, rng)

    model = DANN()
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    steps_per_epoch = len(xs) // 50
    total, step = a.epochs * steps_per_epoch, 0
    for epoch in range(a.epochs):
        model.train()
        ps, pt = torch.randperm(len(xs)), torch.randperm(len(xt))
        cls_sum = dom_sum = 0.0
        for k in range(steps_per_epoch):
            i, j = ps[k * 50:(k + 1) * 50], pt[k * 50:(k + 1) * 50]
            lam = 0.3 * (2 / (1 + math.exp(-10 * step / total)) - 1)
            logits, d_src = model(xs[i], lam)
            _, d_tgt = model(xt[j], lam)
            cls = F.cross_entropy(logits, ys[i])
            dom = F.binary_cross_entropy_with_logits(torch.cat([d_src, d_tgt]),
                                                     torch.cat([torch.zeros(len(i)), torch.ones(len(j))]))
            opt.zero_grad()
            (cls + dom).backward()
            opt.step()
            cls_sum, dom_sum, step = cls_sum + cls.item(), dom_sum + dom.item(), step + 1
        print(f"epoch {epoch} activity {cls_sum / steps_per_epoch:.4f} domain {dom_sum / steps_per_epoch:.4f} lambda {lam:.3f}")

    model.eval()
    with torch.no_grad():
        acc = (model(x_eval)[0].argmax(1) == y_eval).float().mean().item()
    print(f"target-device accuracy: {acc:.4f}")


if __name__ == "__main__":
    main()
