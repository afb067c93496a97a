"""Topic of a short support ticket with a two layer bidirectional LSTM."""
import argparse
import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence

TOPICS = {
    "billing": "invoice refund charge card payment price fee subscription".split(),
    "network": "wifi router signal dropped connection slow modem latency".split(),
    "account": "password login username locked reset email profile verify".split(),
    "hardware": "screen battery keyboard fan cracked charger overheating button".split(),
}
COMMON = ("hello i have a problem with my please help since last week it is not the and when can you "
          "thanks we tried again today still").split()
NAMES = list(TOPICS)
WORDS = {w: i + 1 for i, w in enumerate(sorted(set(sum(TOPICS.values(), []) + COMMON)))}


def ticket(rng):
    y = int(rng.integers(len(NAMES)))
    n = int(rng.integers(8, 20))
    words = []
    for _ in range(n):
        u = rng.random()
        if u < 0.22:
            words.append(rng.choice(TOPICS[NAMES[y]]))
        elif u < 0.30:
            words.append(rng.choice(TOPICS[NAMES[int(rng.integers(len(NAMES)))]]))
        else:
            words.append(rng.choice(COMMON))
    return [WORDS[str(w)] for w in words], y


def make_set(n, rng):
    items = [ticket(rng) for _ in range(n)]
    lens = torch.tensor([len(t) for t, _ in items])
    ids = torch.zeros(n, int(lens.max()), dtype=torch.long)
    for i, (t, _) in enumerate(items):
        ids[i, :len(t)] = torch.tensor(t)
    return ids, lens, torch.tensor([y for _, y in items])


class TicketNet(nn.Module):
    def __init__(self, vocab, emb=32, hidden=32, layers=2):
        super().__init__()
        self.emb = nn.Embedding(vocab, emb, padding_idx=0)
        self.lstm = nn.LSTM(emb, hidden, num_layers=layers, bidirectional=True, batch_first=True)
        self.drop = nn.Dropout(0.1)
        self.fc = nn.Linear(2 * layers * hidden, len(NAMES))

    def forward(self, ids, lens):
        packed = pack_padded_sequence(self.emb(ids), lens, batch_first=True, enforce_sorted=False)
        _, (h_n, _) = self.lstm(packed)
        h = h_n.view(ids.size(0), -1)
        return self.fc(self.drop(h))


def train(args):
    rng = np.random.default_rng(args.seed)
    torch.manual_seed(args.seed)
    tr, te = make_set(2400, rng), make_set(800, rng)
    model = TicketNet(len(WORDS) + 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    criterion = nn.CrossEntropyLoss()

    def accuracy(split):
        model.eval()
        hits = 0
        with torch.no_grad():
            for b in torch.arange(len(split[2])).split(100):
                hits += (model(split[0][b], split[1][b]).argmax(1) == split[2][b]).sum().item()
        return hits / len(split[2])

    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        for b in torch.randperm(len(tr[2])).split(args.batch):
            optimizer.zero_grad()
            loss = criterion(model(tr[0][b], tr[1][b]), tr[2][b])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            total += loss.item() * len(b)
        print(f"epoch {epoch + 1}: loss {total / len(tr[2]):.4f} test acc {accuracy(te):.4f}")
    print(f"test accuracy {accuracy(te):.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch", type=int, default=40)
    parser.add_argument("--lr", type=float, default=3e-3)
    torch.set_num_threads(1)
    train(parser.parse_args())
