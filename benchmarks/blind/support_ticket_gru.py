"""Route support tickets (templated text) to a team with a bidirectional GRU."""
import argparse
import random
from collections import Counter
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence, pack_padded_sequence

OPENERS = ["hi team", "hello", "good morning", "dear support", "hey there", ""]
CLOSERS = ["thanks", "please help", "this is urgent", "any ideas", "regards", "cheers", ""]
FILL = ("since yesterday on my laptop again and we tried many times but the page just says something went "
        "wrong also my colleague has it too after lunch in the office").split()
TOPICS = {
    "billing": ["invoice", "charged", "refund", "payment", "card", "receipt", "subscription"],
    "login": ["password", "reset", "locked", "two-factor", "username", "signin", "account"],
    "shipping": ["parcel", "courier", "delivery", "tracking", "address", "package", "late"],
    "technical": ["crash", "error", "freezes", "update", "install", "bug", "slow"],
    "hardware": ["printer", "screen", "keyboard", "battery", "cable", "broken", "replacement"],
    "sales": ["quote", "discount", "licence", "upgrade", "demo", "pricing", "seats"],
}
NAMES = list(TOPICS)


def make_ticket(rng):
    y = rng.randrange(len(NAMES))
    words = []
    for _ in range(rng.randint(6, 18)):
        u = rng.random()
        if u < 0.20:
            words.append(rng.choice(TOPICS[NAMES[y]]))
        elif u < 0.26:
            words.append(rng.choice(TOPICS[rng.choice(NAMES)]))
        else:
            words.append(rng.choice(FILL))
    text = " ".join([rng.choice(OPENERS)] + words + [rng.choice(CLOSERS)])
    return text.split(), y


class Vocab:
    def __init__(self, docs):
        c = Counter(w for d in docs for w in d)
        self.itos = ["<pad>", "<unk>"] + [w for w, _ in c.most_common()]
        self.stoi = {w: i for i, w in enumerate(self.itos)}

    def encode(self, doc):
        return torch.tensor([self.stoi.get(w, 1) for w in doc])


class TicketRouter(nn.Module):
    def __init__(self, vocab, emb=32, hid=48, layers=1, classes=6):
        super().__init__()
        self.emb = nn.Embedding(vocab, emb, padding_idx=0)
        self.gru = nn.GRU(emb, hid, layers, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(2 * layers * hid, classes)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(self.emb(x), lengths, batch_first=True, enforce_sorted=False)
        _, hidden = self.gru(packed)
        hidden = hidden.view(x.size(0), -1)
        return self.fc(self.drop(hidden))


def batches(data, vocab, size, rng=None):
    idx = list(range(len(data)))
    if rng is not None:
        rng.shuffle(idx)
    for i in range(0, len(idx), size):
        part = [data[j] for j in idx[i:i + size]]
        xs = [vocab.encode(d) for d, _ in part]
        yield (pad_sequence(xs, batch_first=True), torch.tensor([len(x) for x in xs]),
               torch.tensor([y for _, y in part]))


def evaluate(model, data, vocab):
    model.eval()
    good = 0
    with torch.no_grad():
        for x, l, y in batches(data, vocab, 64):
            good += (model(x, l).argmax(1) == y).sum().item()
    model.train()
    return good / len(data)


parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=6)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)
rng = random.Random(args.seed)

train = [make_ticket(rng) for _ in range(1600)]
test = [make_ticket(rng) for _ in range(400)]
vocab = Vocab([d for d, _ in train])
model = TicketRouter(len(vocab.itos))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
loss_fn = nn.CrossEntropyLoss()

for epoch in range(args.epochs):
    running = []
    for x, l, y in batches(train, vocab, 32, rng):
        loss = loss_fn(model(x, l), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        running.append(loss.item())
    print(f"epoch {epoch + 1}: loss {sum(running) / len(running):.4f}")

print(f"test accuracy: {evaluate(model, test, vocab):.4f}")
