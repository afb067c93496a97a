"""Listwise learning-to-rank (ListNet) for queries with 12 candidate documents."""
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def build_queries(n, rng, docs=12, dim=14):
    """Graded relevance from query-document match, popularity, freshness and spam."""
    q = rng.normal(size=(n, 1, 4))
    d = rng.normal(size=(n, docs, 4))
    match = (q * d).sum(-1)
    pop = rng.gamma(2.0, 1.0, (n, docs))
    fresh = rng.uniform(0, 1, (n, docs))
    spam = rng.random((n, docs)) < 0.15
    score = 1.2 * match + 0.5 * np.log1p(pop) + 1.0 * fresh - 2.5 * spam + 0.3 * rng.normal(size=(n, docs))
    rel = np.clip(np.round(score + 1.5), 0, 4)
    x = np.concatenate([np.repeat(q, docs, 1), d, pop[..., None], fresh[..., None], spam[..., None].astype(float)], -1)
    extra = rng.normal(size=(n, docs, dim - x.shape[-1]))
    return (torch.tensor(np.concatenate([x, extra], -1), dtype=torch.float32), torch.tensor(rel, dtype=torch.float32))


class ContextScorer(nn.Module):
    """Self-attention over the candidate list, aware of the position in which candidates were retrieved."""

    def __init__(self, dim, d=32, docs=12):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(dim, d), nn.ReLU(), nn.Linear(d, d))
        self.position = nn.Embedding(docs, d)
        nn.init.normal_(self.position.weight, std=0.1)
        self.encoder = nn.TransformerEncoderLayer(d, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.head = nn.Linear(d, 1)

    def forward(self, x):
        h = self.embed(x) + self.position.weight[: x.size(1)]
        return self.head(self.encoder(h)).squeeze(-1)


def load_letor(x, rel):
    """Group the judged documents of each query as in the judgement files (best grade first)."""
    order = rel.argsort(1, descending=True)
    return x.gather(1, order[..., None].expand_as(x)), rel.gather(1, order)


def list_batches(x, rel, size):
    for idx in torch.randperm(len(x)).split(size):
        yield x[idx], rel[idx]


class ListNetLoss(nn.Module):
    def __init__(self, temperature=1.0):
        super().__init__()
        self.temperature = temperature

    def forward(self, scores, relevance):
        target = F.softmax(relevance / self.temperature, dim=1)
        logp = F.log_softmax(scores, dim=1)
        return -(target * logp).sum(1).mean()


def pair_accuracy(scores, rel):
    ds, dr = scores[:, :, None] - scores[:, None], rel[:, :, None] - rel[:, None]
    return (ds[dr > 0] > 0).float().mean().item()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=16)
    ap.add_argument("--batch", type=int, default=16)
    a = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    x, r = load_letor(*build_queries(900, rng))
    xt, rt = build_queries(300, rng)
    mean, std = x.mean((0, 1)), x.std((0, 1))
    x, xt = (x - mean) / std, (xt - mean) / std
    model = ContextScorer(x.shape[-1])
    criterion = ListNetLoss()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(a.epochs):
        model.train()
        total, k = 0.0, 0
        for xb, rb in list_batches(x, r, a.batch):
            loss = criterion(model(xb), rb)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total, k = total + loss.item(), k + 1
        if epoch % 5 == 0:
            print(f"epoch {epoch} listnet {total / k:.4f}")
    model.eval()
    with torch.no_grad():
        print(f"test pair accuracy: {pair_accuracy(model(xt), rt):.4f}")


main()
