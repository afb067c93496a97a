import os
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader

CONFIG = {
    "seed": int(os.environ.get("SEED", "0")),
    "sr": 4000, "dur": 0.5, "n_fft": 128, "hop": 64,
    "species": ["chiffchaff", "willow_warbler", "reed_bunting", "wren", "dunnock", "robin"],
    "train": 1000, "test": 420, "bs": 16, "epochs": 10,
    "optimizer": {"lr": 0.02, "momentum": 0.9, "weight_decay": 1e-4},
    "scheduler": {"step_size": 4, "gamma": 0.2},
}


def call(kind, rng, c):
    n = int(c["sr"] * c["dur"])
    t = np.arange(n) / c["sr"]
    f = rng.uniform(700, 1100)
    rate = rng.uniform(6, 9)
    if kind == 0:      # two alternating notes
        inst = np.where(np.sin(2 * np.pi * rate * t) > 0, f, 1.25 * f)
    elif kind == 1:    # falling sweep
        inst = f * 1.4 - 500 * t
    elif kind == 2:    # rising sweep
        inst = f + 500 * t
    elif kind == 3:    # fast trill
        inst = f + 120 * np.sin(2 * np.pi * 3 * rate * t)
    elif kind == 4:    # slow warble
        inst = f + 120 * np.sin(2 * np.pi * rate * t)
    else:              # constant whistle
        inst = f + 0 * t
    s = np.sin(2 * np.pi * np.cumsum(inst) / c["sr"])
    s *= np.exp(-((t - rng.uniform(0.2, 0.3)) / 0.2) ** 2)
    return (s + rng.normal(0, 0.5, n)).astype("float32")


def log_spec(w, c):
    s = torch.stft(w, c["n_fft"], c["hop"], window=torch.hann_window(c["n_fft"]), return_complex=True).abs()
    return torch.log1p(s[:, 8:56])


def dataset(n, rng, c):
    y = rng.integers(0, len(c["species"]), n)
    w = torch.tensor(np.stack([call(k, rng, c) for k in y]))
    x = log_spec(w, c)
    x = (x - x.mean((1, 2), keepdim=True)) / x.std((1, 2), keepdim=True)
    return TensorDataset(x[:, None], torch.tensor(y))


class SpecNet(nn.Module):
    def __init__(self, n_out):
        super().__init__()
        def blk(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))
        self.trunk = nn.Sequential(blk(1, 8), blk(8, 16), blk(16, 32))
        self.fc = nn.Linear(32 * 6 * 4, n_out)

    def forward(self, x):
        return self.fc(F.dropout(self.trunk(x).flatten(1), 0.2, self.training))


def fit(net, loader, c):
    opt = torch.optim.SGD(net.parameters(), **c["optimizer"])
    scheduler = torch.optim.lr_scheduler.StepLR(opt, **c["scheduler"])
    for epoch in range(c["epochs"]):
        net.train()
        tot, hit = 0.0, 0
        for xb, yb in loader:
            opt.zero_grad()
            out = net(xb)
            loss = F.cross_entropy(out, yb)
            loss.backward()
            opt.step()
            scheduler.step()
            tot += loss.item() * len(yb)
            hit += (out.argmax(1) == yb).sum().item()
        print("epoch %2d loss %.3f acc %.3f" % (epoch, tot / len(loader.dataset), hit / len(loader.dataset)))


if __name__ == "__main__":
    c = CONFIG
    torch.set_num_threads(1)
    torch.manual_seed(c["seed"])
    rng = np.random.default_rng(c["seed"])
    train_set, test_set = dataset(c["train"], rng, c), dataset(c["test"], rng, c)
    net = SpecNet(len(c["species"]))
    fit(net, DataLoader(train_set, c["bs"], shuffle=True), c)
    net.eval()
    with torch.no_grad():
        x, y = test_set.tensors
        acc = (net(x).argmax(1) == y).float().mean().item()
    print("test accuracy, higher is better")
    print("score: %.4f" % acc)
