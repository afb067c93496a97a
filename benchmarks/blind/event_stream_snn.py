"""Spiking network on event-count sequences (direction of motion), surrogate gradient through time."""
import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)
T, N_IN, CLASSES = 12, 32, 4


def events(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, CLASSES, (n,), generator=g)
    start = torch.rand(n, 1, generator=g) * N_IN
    speed = torch.tensor([1.2, -1.2, 2.6, -2.6])[y][:, None] + 0.15 * torch.randn(n, 1, generator=g)
    t = torch.arange(T)
    centre = (start + speed * t) % N_IN
    px = torch.arange(N_IN)
    d = (px - centre[..., None] + N_IN / 2) % N_IN - N_IN / 2
    rate = 0.85 * torch.exp(-(d / 1.5) ** 2) + 0.03
    return (torch.rand(rate.shape, generator=g) < rate).float(), y


class SpikeFn(torch.autograd.Function):
    slope = 5.0

    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v > 0).float()

    @staticmethod
    def backward(ctx, grad_output):
        (v,) = ctx.saved_tensors
        surrogate = 1.0 / (1.0 + SpikeFn.slope * v.abs()) ** 2
        return surrogate


class LIF(nn.Module):
    def __init__(self, i, o, beta=0.8, recurrent=True):
        super().__init__()
        self.fc = nn.Linear(i, o)
        self.rec = nn.Linear(o, o, bias=False) if recurrent else None
        if recurrent:
            nn.init.normal_(self.rec.weight, std=0.05)
        nn.init.normal_(self.fc.weight, std=1.5 / i ** 0.5)
        self.beta = beta

    def forward(self, xs):
        mem = xs.new_zeros(xs.size(0), self.fc.out_features)
        spk = torch.zeros_like(mem)
        out = []
        for x in xs.unbind(1):
            cur = self.fc(x)
            if self.rec is not None:
                cur = cur + self.rec(spk)
            mem = self.beta * mem * (1 - spk.detach()) + cur
            spk = SpikeFn.apply(mem - 1.0)
            out.append(spk)
        return torch.stack(out, 1)


class SNN(nn.Module):
    def __init__(self, h=64):
        super().__init__()
        self.l1, self.l2 = LIF(N_IN, h), LIF(h, h)
        self.readout = nn.Linear(h, CLASSES)

    def forward(self, x):
        return self.readout(self.l2(self.l1(x)).mean(1))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    x, y = events(4000, 1300 + args.seed)
    vx, vy = events(1000, 17)
    model = SNN()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    for step in range(500):
        i = torch.randint(0, len(x), (64,))
        loss = F.cross_entropy(model(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        opt.step()
        if step % 100 == 0:
            print(f"step {step} loss {loss.item():.4f}")
    with torch.no_grad():
        print(f"test accuracy {(model(vx).argmax(1) == vy).float().mean().item():.4f}")


if __name__ == "__main__":
    main()
