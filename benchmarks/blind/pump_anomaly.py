import os
import numpy as np
import torch
import torch.nn as nn
from sklearn.preprocessing import StandardScaler
from sklearn.metrics import roc_auc_score

torch.set_num_threads(1)
SEED = int(os.environ.get("SEED", "0"))


def simulate(n, rng, faulty=False):
    """16 sensors of a pump driven by speed, load and ambient temperature"""
    mix = np.random.RandomState(99)
    A, B = mix.randn(3, 16), mix.randn(3, 16) * 0.5
    z = rng.randn(n, 3)
    x = z @ A + np.tanh(z) @ B + rng.randn(n, 16) * 0.25
    if faulty:
        k = rng.randint(0, 16, n)
        x[np.arange(n), k] += rng.choice([-1, 1], n) * rng.uniform(0.8, 1.8, n)
    return x + np.linspace(20, 80, 16)


class AutoEncoder(nn.Module):
    def __init__(self, n_in=16, code=3):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(n_in, 32), nn.ReLU(), nn.Linear(32, code))
        self.decoder = nn.Sequential(nn.Linear(code, 32), nn.ReLU(), nn.Linear(32, n_in), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))


class Detector:
    def __init__(self, epochs=30, lr=3e-3, batch_size=64):
        self.epochs, self.lr, self.bs = epochs, lr, batch_size
        self.scaler = StandardScaler()
        self.net = AutoEncoder()

    def fit(self, x):
        x = torch.tensor(self.scaler.fit_transform(x), dtype=torch.float32)
        opt = torch.optim.Adam(self.net.parameters(), lr=self.lr)
        self.net.train()
        for ep in range(self.epochs):
            losses = []
            for idx in torch.randperm(len(x)).split(self.bs):
                loss = ((self.net(x[idx]) - x[idx]) ** 2).mean()
                opt.zero_grad()
                loss.backward()
                opt.step()
                losses.append(loss.item())
            if (ep + 1) % 5 == 0:
                print("epoch %2d  reconstruction %.4f" % (ep + 1, np.mean(losses)))
        return self

    @torch.no_grad()
    def anomaly_score(self, x):
        self.net.eval()
        x = torch.tensor(self.scaler.transform(x), dtype=torch.float32)
        return ((self.net(x) - x) ** 2).mean(1).numpy()


if __name__ == "__main__":
    torch.manual_seed(SEED)
    rng = np.random.RandomState(SEED)
    normal, ok, bad = simulate(2500, rng), simulate(600, rng), simulate(200, rng, faulty=True)
    det = Detector().fit(normal)
    s = np.r_[det.anomaly_score(ok), det.anomaly_score(bad)]
    lab = np.r_[np.zeros(len(ok)), np.ones(len(bad))]
    print("mean score normal %.3f, faulty %.3f" % (s[lab == 0].mean(), s[lab == 1].mean()))
    print("score: %.4f" % roc_auc_score(lab, s))
