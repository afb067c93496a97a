"""Tag prediction for forum questions (each question has zero, one or several of 12 tags)."""
import argparse
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import f1_score
from torch.utils.data import DataLoader, TensorDataset

N_TAGS, VOCAB = 12, 600


def make_questions(n, rng, topics=None):
    if topics is None:
        topics = rng.dirichlet(np.full(VOCAB, 0.02), N_TAGS)
    background = 1.0 / (np.arange(VOCAB) + 5.0)
    background = background / background.sum()
    pop = np.linspace(0.12, 0.02, N_TAGS)
    tags = (rng.random((n, N_TAGS)) < pop).astype(np.float32)
    both = tags[:, 0] * (rng.random(n) < 0.5)
    tags[:, 1] = np.maximum(tags[:, 1], both)
    x = np.zeros((n, VOCAB), dtype=np.float32)
    for i in range(n):
        own = np.flatnonzero(tags[i])
        mix = background if len(own) == 0 else 0.7 * background + 0.3 * topics[own].mean(0)
        x[i] = rng.multinomial(int(rng.integers(30, 80)), mix / mix.sum())
    return x, tags, topics


def tfidf(x, df):
    w = np.log1p(x) * np.log(len(x) / (1.0 + df))
    return w / (np.linalg.norm(w, axis=1, keepdims=True) + 1e-8)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(VOCAB, 128)
        self.bn = nn.BatchNorm1d(128)
        self.fc2 = nn.Linear(128, N_TAGS)

    def forward(self, x):
        return self.fc2(nn.functional.dropout(torch.relu(self.bn(self.fc1(x))), 0.3, self.training))


def fit(model, loader, epochs, lr):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for epoch in range(1, epochs + 1):
        model.train()
        losses = []
        for xb, yb in loader:
            optimizer.zero_grad()
            loss = criterion(model(xb), yb)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        yield epoch, float(np.mean(losses))


def predict(model, x):
    model.eval()
    with torch.no_grad():
        return (torch.sigmoid(model(x)) > 0.5).int().numpy()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--lr", type=float, default=2e-3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    xtr, ytr, topics = make_questions(4000, rng)
    xte, yte, _ = make_questions(1000, rng, topics)
    df = (xtr > 0).sum(0)
    scale = np.sqrt(VOCAB) / 4
    xtr = torch.tensor(tfidf(xtr, df) * scale, dtype=torch.float32)
    xte_t = torch.tensor(tfidf(xte, df * len(xte) / len(ytr)) * scale, dtype=torch.float32)
    loader = DataLoader(TensorDataset(xtr, torch.from_numpy(ytr)), batch_size=64, shuffle=True)
    model = Tagger()
    for epoch, loss in fit(model, loader, args.epochs, args.lr):
        f1 = f1_score(yte, predict(model, xte_t), average="macro", zero_division=0)
        print(f"epoch {epoch} loss {loss:.4f} macro F1 {f1:.4f}")
    print(f"test macro F1 {f1_score(yte, predict(model, xte_t), average='macro', zero_division=0):.4f}")


if __name__ == "__main__":
    main()
