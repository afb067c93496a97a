"""Pointer network: visit the stops of a delivery round in the order of their angle about the depot."""
import argparse
import math

import torch
from torch import nn
import torch.nn.functional as F

torch.set_num_threads(1)


def rounds(n, stops, g):
    pts = torch.rand(n, stops, 2, generator=g) * 2 - 1
    ang = torch.atan2(pts[..., 1], pts[..., 0]) % (2 * math.pi)
    return pts, ang.argsort(1)


class PointerNet(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(2, hidden), nn.ReLU(), nn.Linear(hidden, hidden))
        self.encoder = nn.GRU(hidden, hidden // 2, batch_first=True, bidirectional=True)
        self.cell = nn.GRUCell(hidden, hidden)
        self.start = nn.Parameter(torch.randn(hidden) * 0.1)
        self.key, self.query = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden, bias=False)
        self.v = nn.Linear(hidden, 1, bias=False)

    def forward(self, pts, target=None):
        b, n, _ = pts.shape
        emb = self.embed(pts)
        enc, h = self.encoder(emb)
        state = torch.cat([h[0], h[1]], -1)
        keys = self.key(enc)
        inp = self.start.expand(b, -1)
        visited = torch.zeros(b, n, dtype=torch.bool)
        rows = torch.arange(b)
        all_logits, picks = [], []
        for t in range(n):
            if target is not None:
                inp = emb[rows, target[:, t]]
            state = self.cell(inp, state)
            logits = self.v(torch.tanh(keys + self.query(state)[:, None])).squeeze(-1)
            logits = logits.masked_fill(visited, -1e9)
            choice = logits.argmax(-1) if target is None else target[:, t]
            visited = visited.scatter(1, choice[:, None], True)
            inp = emb[rows, choice]
            all_logits.append(logits)
            picks.append(choice)
        return torch.stack(all_logits, 1), torch.stack(picks, 1)


@torch.no_grad()
def evaluate(model, pts, order):
    model.eval()
    _, picks = model(pts)
    return (picks == order).float().mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--stops", type=int, default=7)
    ap.add_argument("--steps", type=int, default=500)
    ap.add_argument("--batch", type=int, default=64)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    g = torch.Generator().manual_seed(args.seed + 1)
    pts, order = rounds(12000, args.stops, g)
    val_pts, val_order = rounds(500, args.stops, g)
    model = PointerNet()
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.steps)
    for step in range(args.steps):
        model.train()
        idx = torch.randint(len(pts), (args.batch,), generator=g)
        logits, _ = model(pts[idx], order[idx])
        loss = F.cross_entropy(logits.flatten(0, 1), order[idx].flatten())
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        sched.step()
        if step % 100 == 0:
            print(f"step {step} loss {loss.item():.3f}")
    print(f"validation position accuracy {evaluate(model, val_pts, val_order):.3f}")


if __name__ == "__main__":
    main()
