"""Predict several attributes of a synthetic portrait (shape, colour, background, size) with one trunk and several heads."""
import argparse
import numpy as np
import torch
import torch.nn as nn

HEADS = {"background": 3, "shape": 3, "colour": 4, "size": 2}


def draw(rng, s=16):
    y = {k: int(rng.integers(n)) for k, n in HEADS.items()}
    yy, xx = np.mgrid[0:s, 0:s].astype(np.float32)
    if y["background"] == 0:
        bg = np.full((s, s), 0.4)
    elif y["background"] == 1:
        bg = 0.4 + 0.15 * np.sin(xx * 1.6 + rng.uniform(0, 6))
    else:
        bg = 0.4 + 0.15 * np.sin(yy * 1.6 + rng.uniform(0, 6))
    img = np.repeat(bg[None], 3, 0)
    r = (5.0 if y["size"] else 3.2) + rng.uniform(-0.4, 0.4)
    cx, cy = rng.uniform(6, 10, 2)
    dx, dy = np.abs(xx - cx), np.abs(yy - cy)
    if y["shape"] == 0:
        m = dx ** 2 + dy ** 2 < r ** 2
    elif y["shape"] == 1:
        m = np.maximum(dx, dy) < r * 0.88
    else:
        m = dx + dy < r * 1.25
    palette = [(0.9, 0.3, 0.3), (0.3, 0.8, 0.3), (0.3, 0.4, 0.9), (0.85, 0.8, 0.3)]
    for c in range(3):
        img[c][m] = palette[y["colour"]][c]
    img = img + 0.09 * rng.normal(size=img.shape)
    return img.astype(np.float32), [y[k] for k in HEADS]


def dataset(n, rng):
    items = [draw(rng) for _ in range(n)]
    return torch.from_numpy(np.stack([i for i, _ in items])), torch.tensor([t for _, t in items])


class MultiHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(32 * 16, 64), nn.ReLU(),
        )
        self.heads = nn.ModuleDict({k: nn.Linear(64, n) for k, n in HEADS.items()})

    def forward(self, x):
        z = self.trunk(x)
        return {k: head(z) for k, head in self.heads.items()}


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        out = model(x)
    return [(out[k].argmax(1) == y[:, j]).float().mean().item() for j, k in enumerate(HEADS)]


def main(seed, epochs=8, batch=32):
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    xtr, ytr = dataset(2000, rng)
    xte, yte = dataset(500, rng)
    model = MultiHead()
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    crit = nn.CrossEntropyLoss()
    for epoch in range(epochs):
        model.train()
        running = 0.0
        for idx in torch.randperm(len(xtr)).split(batch):
            outputs = model(xtr[idx])
            loss = 0.0
            for j, name in enumerate(HEADS):
                loss = crit(outputs[name], ytr[idx, j])
            opt.zero_grad()
            loss.backward()
            opt.step()
            running += loss.item()
        accs = accuracy(model, xte, yte)
        print(f"epoch {epoch} loss {running:.3f} " + " ".join(f"{k} {a:.3f}" for k, a in zip(HEADS, accs)))
    print(f"mean test accuracy {np.mean(accuracy(model, xte, yte)):.4f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    main(ap.parse_args().seed)
