"""Hourly bike rentals per station with a small network; keras.losses.Poisson replaced by its torch counterpart."""
import argparse

import numpy as np
import torch
import torch.nn as nn


def hours(rng, n):
    hour = rng.integers(0, 24, n)
    wd = rng.integers(0, 7, n)
    temp = rng.normal(14, 8, n)
    rain = rng.random(n) < 0.2
    station = rng.integers(0, 12, n)
    commute = np.exp(-(hour - 8) ** 2 / 3) + np.exp(-(hour - 17.5) ** 2 / 5)
    leisure = np.exp(-(hour - 14) ** 2 / 18)
    size = 0.4 + 0.25 * station
    lam = size * np.where(wd < 5, 2.4 * commute + 0.4 * leisure, 1.4 * leisure)
    lam = (lam + 0.05) * np.exp(0.04 * (temp - 14)) * np.where(rain, 0.45, 1.0)
    y = rng.poisson(lam)
    ang = 2 * np.pi * hour / 24
    x = np.column_stack([np.sin(ang), np.cos(ang), np.sin(2 * ang), np.cos(2 * ang), np.sin(3 * ang), np.cos(3 * ang),
                         wd >= 5, (temp - 14) / 8, rain, np.eye(12)[station]])
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


def build(n_in):
    return nn.Sequential(
        nn.Linear(n_in, 64), nn.ReLU(),
        nn.Linear(64, 64), nn.ReLU(),
        nn.Linear(64, 1), nn.Softplus(),
    )


def poisson_deviance(rate, y):
    rate = rate.clamp(min=1e-6)
    return 2 * (torch.xlogy(y, y.clamp(min=1e-12) / rate) - (y - rate)).mean().item()


def main(seed, epochs, batch_size):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    x, y = hours(rng, 10000)
    xv, yv = hours(rng, 3000)
    model = build(x.shape[1])
    criterion = nn.PoissonNLLLoss()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(epochs):
        model.train()
        s = 0.0
        for i in torch.randperm(len(x)).split(batch_size):
            opt.zero_grad()
            rate = model(x[i]).squeeze(1)
            loss = criterion(rate, y[i])
            loss.backward()
            opt.step()
            s += loss.item() * len(i)
        model.eval()
        with torch.no_grad():
            dev = poisson_deviance(model(xv).squeeze(1), yv)
        print(f"epoch {epoch + 1}/{epochs} - loss: {s / len(x):.4f} - val_deviance: {dev:.4f}")
    print(f"val poisson deviance {dev:.4f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=22)
    ap.add_argument("--batch_size", type=int, default=100)
    main(**vars(ap.parse_args()))
