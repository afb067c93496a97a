"""Deep learning class, homework 4: LSTM cell from scratch, tested on the adding problem with sensor noise."""
import argparse

import torch
import torch.nn as nn

torch.set_num_threads(1)


class LSTMCell(nn.Module):
    def __init__(self, n_in, n_hid):
        super().__init__()
        self.n_hid = n_hid
        self.x2g = nn.Linear(n_in, 4 * n_hid)
        self.h2g = nn.Linear(n_hid, 4 * n_hid, bias=False)
        nn.init.orthogonal_(self.h2g.weight)
        with torch.no_grad():
            self.x2g.bias[n_hid:2 * n_hid] += 1.0

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (self.x2g(x) + self.h2g(h)).chunk(4, dim=-1)
        i, f, o = torch.sigmoid(i), torch.sigmoid(f), torch.sigmoid(o)
        c = f * c + i * torch.tanh(g)
        h = o * torch.tanh(c)
        return h, c


class Adder(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.cell = LSTMCell(2, hidden)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        h = x.new_zeros(x.size(0), self.cell.n_hid)
        c = x.new_zeros(x.size(0), self.cell.n_hid)
        for t in range(x.size(1)):
            h, c = self.cell(x[:, t], (h.detach(), c.detach()))
        return self.head(h).squeeze(-1)


def adding_problem(n, length, gen):
    values = torch.rand(n, length, generator=gen)
    mark = torch.zeros(n, length)
    half = length // 2
    a = torch.randint(0, half, (n,), generator=gen)
    b = torch.randint(half, length, (n,), generator=gen)
    r = torch.arange(n)
    mark[r, a] = 1
    mark[r, b] = 1
    y = values[r, a] + values[r, b]
    return torch.stack([values + 0.01 * torch.randn(n, length, generator=gen), mark], -1), y


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--length", type=int, default=30)
    ap.add_argument("--iters", type=int, default=700)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    gen = torch.Generator().manual_seed(args.seed)
    model = Adder()
    opt = torch.optim.Adam(model.parameters(), lr=8e-3)
    x_val, y_val = adding_problem(1000, args.length, gen)
    for it in range(args.iters):
        x, y = adding_problem(50, args.length, gen)
        loss = nn.functional.mse_loss(model(x), y)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        if it % 100 == 99:
            print(f"iter {it + 1} mse {loss.item():.4f}")
    with torch.no_grad():
        mse = nn.functional.mse_loss(model(x_val), y_val).item()
    print(f"validation mse {mse:.4f}")


main()
