"""Panel of 8 toxicity assays from molecular fingerprints; most compounds were tried in a few assays only."""
import argparse

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import roc_auc_score

torch.set_num_threads(1)
BITS, ASSAYS = 256, 8


def library(n, rng, motifs):
    bits = (rng.random((n, BITS)) < 0.08).astype(np.float32)
    classes = rng.random((n, 24)) < 0.15
    for c in range(24):
        rows = np.flatnonzero(classes[:, c])
        bits[np.ix_(rows, motifs["bits"][c])] = (rng.random((len(rows), 8)) < 0.85)
    score = classes @ motifs["w"] + 1.5 * (classes[:, :8] & classes[:, 8:16]) + rng.normal(0, 0.4, (n, ASSAYS))
    active = (score > motifs["thr"]).astype(np.float32)
    return bits, active


def hide(active, rng, frac, bias):
    """The laboratory export: 1 active, 0 inactive, -1 not run."""
    tested = rng.random(active.shape) < frac
    tested |= (rng.random(active.shape) < bias) & (active > 0)
    return np.where(tested, active, -1.0).astype(np.float32)


class PanelNet(nn.Module):
    def __init__(self, h=64, p=0.2):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(BITS, h), nn.ReLU(), nn.Dropout(p), nn.Linear(h, h), nn.ReLU())
        self.heads = nn.Linear(h, ASSAYS)

    def forward(self, x):
        return self.heads(self.body(x))


def panel_loss(logits, labels):
    loss = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return loss.mean()


def fit(model, x, labels, epochs, lr, batch=64):
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    for epoch in range(epochs):
        model.train()
        losses = []
        for idx in torch.randperm(len(x)).split(batch):
            loss = panel_loss(model(x[idx]), labels[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=10)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    motifs = {"bits": np.stack([rng.choice(BITS, 8, replace=False) for _ in range(24)]),
              "w": rng.normal(0, 1.0, (24, ASSAYS)), "thr": 0.4}
    x, active = library(4000, rng, motifs)
    xt, active_t = library(1000, rng, motifs)
    labels = torch.from_numpy(hide(active, rng, 0.2, 0.1))
    x, xt = torch.from_numpy(x), torch.from_numpy(xt)
    model = PanelNet()
    fit(model, x, labels, args.epochs, 2e-3)
    model.eval()
    with torch.no_grad():
        p = model(xt).numpy()
    aucs = [roc_auc_score(active_t[:, k], p[:, k]) for k in range(ASSAYS)]
    print(f"mean AUC over the assays: {np.mean(aucs):.4f}")


if __name__ == "__main__":
    main()
