import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def quantize(w, bits):
    q = 2 ** (bits - 1) - 1
    scale = w.abs().amax(dim=tuple(range(1, w.dim())), keepdim=True).clamp(min=1e-8) / q
    return (w / scale).round().clamp(-q, q) * scale


class QConv1d(nn.Conv1d):
    bits = 4

    def forward(self, x):
        self.weight.data = quantize(self.weight.data, self.bits)
        return self._conv_forward(x, self.weight, self.bias)


class QLinear(nn.Linear):
    bits = 4

    def forward(self, x):
        self.weight.data = quantize(self.weight.data, self.bits)
        return F.linear(x, self.weight, self.bias)


class KeywordNet(nn.Module):
    def __init__(self, n_mel, n_cls, w=24):
        super().__init__()
        self.c1 = QConv1d(n_mel, w, 5, padding=2)
        self.c2 = QConv1d(w, w, 5, padding=2, stride=2)
        self.c3 = QConv1d(w, w, 3, padding=1, stride=2)
        self.fc = QLinear(w, n_cls)

    def forward(self, x):
        x = F.relu(self.c1(x))
        x = F.relu(self.c2(x))
        x = F.relu(self.c3(x))
        return self.fc(x.mean(-1))


def keywords(n, rng, n_cls=10, n_mel=16, frames=32):
    lib = np.random.RandomState(3)
    tracks = lib.uniform(1, 14, (n_cls, 4, 2))
    y = rng.randint(0, n_cls, n)
    X = np.zeros((n, n_mel, frames), np.float32)
    mel = np.arange(n_mel)[:, None]
    for i, c in enumerate(y):
        speed, start = rng.uniform(0.8, 1.2), rng.randint(0, 7)
        shift = rng.uniform(-1.0, 1.0)
        for f in range(24):
            pos = f / 24 * 3 * speed
            k = min(int(pos), 2)
            a = min(pos - k, 1.0)
            for j in range(2):
                centre = (1 - a) * tracks[c, k, j] + a * tracks[c, k + 1, j] + shift
                X[i, :, start + f] += np.exp(-0.5 * ((mel[:, 0] - centre) / 0.9) ** 2)
    X += 0.35 * rng.randn(*X.shape).astype(np.float32)
    return torch.from_numpy(X), torch.from_numpy(y)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    torch.set_num_threads(1)
    rng = np.random.RandomState(a.seed)
    X, y = keywords(1200, rng)
    Xt, yt = keywords(400, rng)
    mu, sd = X.mean(), X.std()
    X, Xt = (X - mu) / sd, (Xt - mu) / sd
    model = KeywordNet(16, 10)
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)
    for ep in range(16):
        tot = 0.0
        for b in torch.randperm(len(X)).split(64):
            loss = F.cross_entropy(model(X[b]), y[b])
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item() * len(b)
        if ep % 4 == 3:
            print(f"epoch {ep + 1} loss {tot / len(X):.4f}")
    model.eval()
    with torch.no_grad():
        print(f"4-bit test accuracy {(model(Xt).argmax(1) == yt).float().mean().item():.4f}")


main()
