"""BERT-style masked language modelling on log lines of a small web service."""
import argparse
import random

import torch
import torch.nn as nn
import torch.nn.functional as F

HOSTS = ["web1", "web2", "db1", "cache1"]
ROUTES = {"login": ["POST", "auth"], "cart": ["PUT", "shop"], "search": ["GET", "index"], "image": ["GET", "cdn"],
          "pay": ["POST", "bank"]}
STATUS = {"ok": "200", "missing": "404", "denied": "403", "error": "500"}


def log_line(rng):
    host, route = rng.choice(HOSTS), rng.choice(list(ROUTES))
    verb, backend = ROUTES[route]
    state = rng.choices(list(STATUS), [6, 2, 1, 1])[0]
    lat = "slow" if state == "error" or host == "db1" else "fast"
    return [host, verb, route, "via", backend, "status", STATUS[state], state, "latency", lat,
            "retry" if state == "error" else "done", "user", rng.choice(["anna", "bert", "carl", "dora"])]


class Tokenizer:
    def __init__(self, lines):
        self.vocab = ["[PAD]", "[MASK]"] + sorted({w for l in lines for w in l})
        self.ids = {w: i for i, w in enumerate(self.vocab)}

    def __call__(self, lines):
        return torch.tensor([[self.ids[w] for w in l] for l in lines])


class MLMCollator:
    def __init__(self, tok, prob=0.15):
        self.tok, self.prob = tok, prob

    def mask_tokens(self, inputs):
        inputs = inputs.clone()
        labels = inputs.clone()
        masked_indices = torch.rand(labels.shape) < self.prob
        labels[masked_indices] = -100
        replaced = (torch.rand(labels.shape) < 0.8) & masked_indices
        inputs[replaced] = 1
        rand = (torch.rand(labels.shape) < 0.5) & masked_indices & ~replaced
        inputs[rand] = torch.randint(2, len(self.tok.vocab), labels.shape)[rand]
        return inputs, labels


class MiniBert(nn.Module):
    def __init__(self, vocab, length, d=48, heads=4, layers=2):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, d), nn.Embedding(length, d)
        self.norm = nn.LayerNorm(d)
        layer = nn.TransformerEncoderLayer(d, heads, 2 * d, dropout=0.1, activation="gelu", batch_first=True)
        self.enc = nn.TransformerEncoder(layer, layers)
        self.transform = nn.Sequential(nn.Linear(d, d), nn.GELU(), nn.LayerNorm(d))
        self.decoder = nn.Linear(d, vocab)

    def forward(self, x):
        h = self.norm(self.tok(x) + self.pos.weight[None])
        return self.decoder(self.transform(self.enc(h)))


@torch.no_grad()
def fill_mask_accuracy(model, data):
    """Mask one position at a time; only positions that are determined by the context count."""
    model.eval()
    hit = n = 0
    for pos in (1, 4, 6, 7, 10):
        x = data.clone()
        x[:, pos] = 1
        hit += (model(x)[:, pos].argmax(-1) == data[:, pos]).sum().item()
        n += len(data)
    return hit / n


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--steps", type=int, default=350)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    train, test = [log_line(rng) for _ in range(3000)], [log_line(rng) for _ in range(400)]
    tok = Tokenizer(train + test)
    X, T = tok(train), tok(test)
    collate = MLMCollator(tok)
    model = MiniBert(len(tok.vocab), X.size(1))
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min((s + 1) / 40, (args.steps - s) / (args.steps - 40)))
    for step in range(args.steps):
        inp, lab = collate.mask_tokens(X[torch.randint(0, len(X), (48,))])
        loss = F.cross_entropy(model(inp).flatten(0, 1), lab.flatten(), ignore_index=-100)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        sched.step()
        if step % 50 == 0:
            print(f"step {step} mlm loss {loss.item():.4f}")
    print(f"fill-mask accuracy {fill_mask_accuracy(model, T):.4f}")
