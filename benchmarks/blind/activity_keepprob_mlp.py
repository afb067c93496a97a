"""Human activity from accelerometer windows. TF1 graph code (tf.layers / tf.nn) moved to PyTorch."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

FLAGS = dict(hidden=96, keep_prob=0.9, learning_rate=1e-3, batch_size=64, epochs=30, window=64)
ACTIVITIES = ["sit", "stand", "walk", "upstairs", "run", "cycle"]


def window(rng, k, n):
    t = np.arange(n) / 32.0
    freq = [0.0, 0.0, 1.8, 1.5, 2.8, 1.2][k] * rng.uniform(0.85, 1.15)
    amp = [0.02, 0.05, 0.5, 0.6, 1.3, 0.3][k] * rng.uniform(0.6, 1.4)
    g = np.array([[0.7, 0.6, 0.2], [0.1, 0.95, 0.2], [0.1, 0.95, 0.2], [0.25, 0.9, 0.3], [0.2, 0.95, 0.1],
                  [0.5, 0.8, 0.2]][k])
    ph = rng.uniform(0, 2 * np.pi)
    sig = np.stack([amp * w * np.sin(2 * np.pi * freq * m * t + ph * m) for w, m in ((0.6, 1), (1.0, 2), (0.4, 1))])
    return sig + (g + rng.normal(0, 0.2, 3))[:, None] + rng.normal(0, 0.15, (3, n))


def features(sig):
    spec = np.abs(np.fft.rfft(sig - sig.mean(1, keepdims=True), axis=1))[:, :12] / sig.shape[1]
    return np.concatenate([sig.mean(1), sig.std(1), np.log(spec + 1e-3).ravel()])


def build(rng, n):
    y = rng.integers(0, len(ACTIVITIES), n)
    x = np.stack([features(window(rng, int(k), FLAGS["window"])) for k in y])
    return x.astype("float32"), y


class Network(nn.Module):
    def __init__(self, n_in, n_out, hidden, keep_prob):
        super().__init__()
        self.fc1 = nn.Linear(n_in, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, hidden)
        self.logits = nn.Linear(hidden, n_out)
        self.dropout = nn.Dropout(keep_prob)

    def forward(self, x):
        x = self.dropout(F.relu(self.fc1(x)))
        x = self.dropout(F.relu(self.fc2(x)))
        x = self.dropout(F.relu(self.fc3(x)))
        return self.logits(x)


def train(seed):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    xtr, ytr = build(rng, 3000)
    xte, yte = build(rng, 1000)
    mu, sd = xtr.mean(0), xtr.std(0)
    xtr, xte = torch.from_numpy((xtr - mu) / sd), torch.from_numpy((xte - mu) / sd)
    ytr, yte = torch.from_numpy(ytr), torch.from_numpy(yte)
    net = Network(xtr.shape[1], len(ACTIVITIES), FLAGS["hidden"], FLAGS["keep_prob"])
    opt = torch.optim.Adam(net.parameters(), lr=FLAGS["learning_rate"])
    for ep in range(FLAGS["epochs"]):
        net.train()
        run = 0.0
        for idx in torch.randperm(len(xtr)).split(FLAGS["batch_size"]):
            loss = F.cross_entropy(net(xtr[idx]), ytr[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run += loss.item() * len(idx)
        print("epoch %d  train loss %.4f" % (ep, run / len(xtr)))
    net.eval()
    with torch.no_grad():
        return (net(xte).argmax(1) == yte).float().mean().item()


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    print("test accuracy %.4f" % train(parser.parse_args().seed))
