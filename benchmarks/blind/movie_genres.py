import argparse
import random
import numpy as np
import torch
from torch import nn, optim

GENRES = {
    "action": "chase explosion gun fight agent bomb car rescue mercenary".split(),
    "romance": "love kiss wedding heart couple letter paris affair date".split(),
    "comedy": "joke funny clumsy prank laugh party roommate silly stand-up".split(),
    "horror": "ghost blood scream haunted night knife cabin curse demon".split(),
    "scifi": "space robot alien planet ship future clone laser galaxy".split(),
    "drama": "family loss father court illness memory village exile prison".split(),
}
FILLER = ("the a of and story man woman young old town who finds must when his her life after with "
          "between secret world two friends day years takes goes home new").split()


def make_plots(n, rng):
    names = list(GENRES)
    plots, labels = [], []
    for _ in range(n):
        k = rng.choices([1, 2, 3], weights=[3, 4, 3])[0]
        chosen = rng.sample(names, k)
        words = [rng.choice(FILLER) for _ in range(rng.randint(8, 16))]
        for g in chosen:
            words += rng.sample(GENRES[g], rng.randint(1, 3))
        if rng.random() < 0.3:
            words.append(rng.choice(GENRES[rng.choice(names)]))
        rng.shuffle(words)
        plots.append(words)
        labels.append([float(g in chosen) for g in names])
    return plots, labels


class GenreTagger(nn.Module):
    def __init__(self, vocab_size, dim=32, n_genres=6):
        super().__init__()
        self.emb = nn.EmbeddingBag(vocab_size, dim, mode="mean")
        self.mlp = nn.Sequential(nn.Linear(dim, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, n_genres))
        self.prob = nn.Softmax(dim=-1)

    def forward(self, ids, offsets):
        return self.prob(self.mlp(self.emb(ids, offsets)))


def collate(plots, labels, vocab):
    ids, offsets = [], []
    for p in plots:
        offsets.append(len(ids))
        ids += [vocab.get(w, 0) for w in p]
    return torch.tensor(ids), torch.tensor(offsets), torch.tensor(labels)


def f1_micro(model, plots, labels, vocab):
    model.eval()
    with torch.no_grad():
        ids, off, y = collate(plots, labels, vocab)
        pred = (model(ids, off) > 0.5).float()
    tp = (pred * y).sum()
    return (2 * tp / (pred.sum() + y.sum())).item()


def main(seed):
    rng = random.Random(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    plots, labels = make_plots(3000, rng)
    test_plots, test_labels = make_plots(800, rng)
    vocab = {"<unk>": 0}
    for p in plots:
        for w in p:
            vocab.setdefault(w, len(vocab))

    model = GenreTagger(len(vocab))
    criterion = nn.BCELoss()
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    bs = 64
    for epoch in range(22):
        model.train()
        order = list(range(len(plots)))
        rng.shuffle(order)
        tot = 0.0
        for i in range(0, len(order), bs):
            b = order[i:i + bs]
            ids, off, y = collate([plots[j] for j in b], [labels[j] for j in b], vocab)
            optimizer.zero_grad()
            loss = criterion(model(ids, off), y)
            loss.backward()
            optimizer.step()
            tot += loss.item() * len(b)
        print(f"epoch {epoch}: loss={tot / len(plots):.4f} f1={f1_micro(model, test_plots, test_labels, vocab):.3f}")
    print(f"micro-F1 {f1_micro(model, test_plots, test_labels, vocab):.4f}")


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    torch.set_num_threads(1)
    main(ap.parse_args().seed)
