"""DeepSurv: Cox proportional hazards network on synthetic clinical records."""
import argparse
import numpy as np
import torch
import torch.nn as nn


def cohort(n, rng):
    age = rng.normal(62, 11, n)
    bmi = rng.normal(27, 4, n)
    marker = rng.lognormal(0, 0.6, n)
    stage = rng.integers(1, 5, n)
    treated = rng.integers(0, 2, n)
    sbp = rng.normal(135, 15, n)
    noise = rng.normal(size=(n, 4))
    risk = (0.05 * (age - 62) + 0.6 * (stage - 2.5) + 0.9 * np.log(marker)
            - 0.9 * treated * (stage > 2) + 0.02 * (bmi - 27) ** 2 / 4)
    t = rng.weibull(1.4, n) * np.exp(-risk / 1.4) * 40
    c = rng.exponential(60, n)
    time, event = np.minimum(t, c), (t <= c).astype(np.float32)
    x = np.column_stack([age, bmi, np.log(marker), stage, treated, sbp, noise]).astype(np.float32)
    return x, time.astype(np.float32), event


def neg_log_partial_likelihood(risk, time, event):
    order = torch.argsort(time)
    risk, event = risk[order], event[order]
    log_cum = torch.logcumsumexp(risk, dim=0)
    return -((risk - log_cum) * event).sum() / event.sum().clamp(min=1)


def concordance(risk, time, event):
    good = total = 0.0
    for i in np.flatnonzero(event):
        later = time > time[i]
        total += later.sum()
        good += (risk[later] < risk[i]).sum() + 0.5 * (risk[later] == risk[i]).sum()
    return good / total


class DeepSurv(nn.Module):
    def __init__(self, d, hidden=(48, 24)):
        super().__init__()
        mods = []
        for h in hidden:
            mods += [nn.Linear(d, h), nn.BatchNorm1d(h), nn.ELU(), nn.Dropout(0.1)]
            d = h
        self.net = nn.Sequential(*mods, nn.Linear(d, 1, bias=False))

    def forward(self, x):
        return self.net(x).squeeze(-1)


class SurvivalTrainer:
    def __init__(self, model, lr=3e-3, wd=1e-3, batch=128):
        self.model, self.batch = model, batch
        self.opt = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=wd)

    def fit(self, x, t, e, epochs):
        n = len(x)
        for epoch in range(epochs):
            self.model.train()
            total = 0.0
            perm = torch.randperm(n)
            for k in range(0, n - self.batch + 1, self.batch):
                i = perm[k:k + self.batch]
                loss = neg_log_partial_likelihood(self.model(x[i]), t[i], e[i])
                self.opt.zero_grad()
                loss.backward()
                self.opt.step()
                total += loss.item()
            if epoch % 10 == 0:
                print(f"epoch {epoch:3d} loss {total / (n // self.batch):.4f}")

    def predict(self, x):
        self.model.eval()
        with torch.no_grad():
            return self.model(x).numpy()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--epochs", type=int, default=50)
    a = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    xtr, ttr, etr = cohort(1800, rng)
    xte, tte, ete = cohort(600, rng)
    mu, sd = xtr.mean(0), xtr.std(0)
    xtr, xte = (xtr - mu) / sd, (xte - mu) / sd
    trainer = SurvivalTrainer(DeepSurv(xtr.shape[1]))
    trainer.fit(*map(torch.from_numpy, (xtr, ttr, etr)), a.epochs)
    print(f"test c-index: {concordance(trainer.predict(torch.from_numpy(xte)), tte, ete):.4f}")


main()
