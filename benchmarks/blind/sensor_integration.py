"""Dead reckoning: predict the final distance travelled from a sequence of noisy wheel encoder readings."""
import argparse
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


def trips(n, steps=25):
    v = torch.zeros(n, steps)
    cur = torch.rand(n) * 2
    for t in range(steps):
        cur = (cur + 0.5 * torch.randn(n)).clamp(0, 3)
        v[:, t] = cur
    slip = (torch.rand(n, steps) < 0.15).float()
    dist = (v * (1 - slip)).sum(1)
    obs = torch.stack([v + 0.05 * torch.randn_like(v), slip], -1)
    return obs, dist


class StepModel(nn.Module):
    def __init__(self, n_in=2, hidden=32):
        super().__init__()
        self.hidden = hidden
        self.cell = nn.LSTMCell(n_in, hidden)
        self.readout = nn.Linear(hidden, 1)

    def init_state(self, batch):
        return torch.zeros(batch, self.hidden), torch.zeros(batch, self.hidden)

    def forward(self, x):
        for t in range(x.size(1)):
            state = self.init_state(x.size(0))
            state = self.cell(x[:, t], state)
        return self.readout(state[0])


class Normaliser:
    def fit(self, y):
        self.m, self.s = y.mean(), y.std()
        return self

    def __call__(self, y):
        return (y - self.m) / self.s


def fit(model, loader, optimizer, scheduler, norm):
    model.train()
    total = 0.0
    for x, y in loader:
        pred = model(x)
        loss = torch.mean(torch.abs(pred - norm(y)))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    scheduler.step()
    return total / len(loader)


@torch.no_grad()
def validate(model, x, y, norm):
    model.eval()
    pred = model(x)[:, 0] * norm.s + norm.m
    return (pred - y).abs().mean().item()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=0)
    args = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    x, y = trips(3000)
    xv, yv = trips(600)
    norm = Normaliser().fit(y)
    loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)
    model = StepModel()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    for epoch in range(10):
        l = fit(model, loader, optimizer, scheduler, norm)
        print(f"epoch {epoch}: L1 {l:.4f}  val MAE {validate(model, xv, yv, norm):.3f}")
    print(f"MAE {validate(model, xv, yv, norm):.4f}")


main()
