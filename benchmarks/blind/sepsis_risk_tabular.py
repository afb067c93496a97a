# Risk of sepsis within 12 hours from the last known vital signs and laboratory values.
import argparse

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.set_num_threads(1)

COLS = ["heart_rate", "map", "resp", "temp", "wbc", "lactate", "creatinine", "platelets",
        "bilirubin", "glucose", "age", "spo2"]
#            mean   sd   share not measured
STATS = [(88, 16, 0.02), (80, 12, 0.03), (19, 5, 0.10), (37.0, 0.8, 0.20), (10, 4, 0.45), (1.8, 1.1, 0.6),
         (1.2, 0.7, 0.4), (220, 80, 0.45), (1.0, 0.8, 0.65), (130, 40, 0.3), (62, 16, 0.0), (96, 2.5, 0.05)]
NOT_MEASURED = -9999.0


def load_cohort(n, rng):
    z = rng.normal(size=(n, len(COLS)))
    severity = rng.normal(size=n)
    load = np.array([.5, -.5, .5, .4, .4, .7, .4, -.3, .3, .2, .1, -.4])
    z = 0.8 * z + severity[:, None] * load
    score = (1.1 * z[:, 0] * (z[:, 0] > 0) - 1.2 * z[:, 1] + 0.8 * np.abs(z[:, 3])
             + 0.9 * z[:, 2] + 0.8 * z[:, 5] + 0.6 * z[:, 4] + 0.5 * z[:, 6] + 0.5 * z[:, 10])
    p = 1 / (1 + np.exp(-(1.3 * score - 2.6)))
    label = (rng.random(n) < p).astype(np.float32)
    table = np.stack([m + s * z[:, j] for j, (m, s, _) in enumerate(STATS)], 1)
    for j, (_, _, miss) in enumerate(STATS):
        table[rng.random(n) < miss, j] = NOT_MEASURED
    return table, label


def prepare(train, test):
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(test)


class RiskNet(nn.Module):
    def __init__(self, d, hidden=(64, 32), p=0.1):
        super().__init__()
        layers = []
        for h in hidden:
            layers += [nn.Linear(d, h), nn.ReLU(), nn.Dropout(p)]
            d = h
        layers.append(nn.Linear(d, 1))
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x).squeeze(-1)


class Trainer:
    def __init__(self, model, lr, epochs, batch_size=64):
        self.model = model
        self.epochs, self.batch_size = epochs, batch_size
        self.optim = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)
        self.loss_fn = nn.BCEWithLogitsLoss()

    def fit(self, x, y):
        for epoch in range(self.epochs):
            self.model.train()
            order = torch.randperm(len(x))
            losses = []
            for idx in order.split(self.batch_size):
                self.optim.zero_grad()
                loss = self.loss_fn(self.model(x[idx]), y[idx])
                loss.backward()
                self.optim.step()
                losses.append(loss.item())
            if (epoch + 1) % 5 == 0:
                print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}")

    @torch.no_grad()
    def predict(self, x):
        self.model.eval()
        return torch.sigmoid(self.model(x)).numpy()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    table, label = load_cohort(5000, rng)
    a, b, ya, yb = train_test_split(table, label, test_size=0.3, random_state=args.seed, stratify=label)
    a, b = prepare(a, b)
    a, b = torch.tensor(a, dtype=torch.float32), torch.tensor(b, dtype=torch.float32)
    trainer = Trainer(RiskNet(a.shape[1]), lr=0.01, epochs=20)
    trainer.fit(a, torch.from_numpy(ya))
    print(f"test AUROC: {roc_auc_score(yb, trainer.predict(b)):.4f}")


if __name__ == "__main__":
    main()
