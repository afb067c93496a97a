"""Intent classification of short assistant commands (conv text classifier)."""
import argparse
import random
import torch
import torch.nn as nn
import torch.nn.functional as F

TEMPLATES = {
    "alarm": ["wake me up at {n}", "set an alarm for {n} please", "alarm at {n} tomorrow", "ring at {n} in the morning"],
    "weather": ["will it rain in {c}", "weather in {c} tomorrow", "how warm is it in {c}", "do i need a coat in {c}"],
    "music": ["play some {g}", "put on {g} music please", "i want to hear {g}", "next {g} song"],
    "timer": ["set a timer for {n} minutes", "count down {n} minutes", "timer {n} seconds please", "tell me in {n} minutes"],
    "travel": ["book a train to {c}", "how do i get to {c}", "flights to {c} at {n}", "take me to {c} please"],
    "shopping": ["add {f} to the list", "buy {n} {f}", "we need {f} please", "order some {f}"],
    "lights": ["turn the {r} light on", "dim the {r} please", "make the {r} brighter", "lights off in the {r}"],
    "calls": ["call {p}", "ring {p} please", "send {p} a message", "tell {p} i am late"],
}
SLOTS = {
    "n": "one two five seven ten twelve thirty".split(), "c": "paris london rome oslo madrid".split(),
    "g": "jazz rock techno classical folk".split(), "f": "milk eggs bread apples coffee rice".split(),
    "r": "kitchen bedroom hall bathroom".split(), "p": "anna mum john boss peter".split(),
}
INTENTS = list(TEMPLATES)
FILL = "um hey so could you please now just".split()


def utterance(rng):
    k = rng.randrange(len(INTENTS))
    s = rng.choice(TEMPLATES[INTENTS[k]])
    words = s.format(**{a: rng.choice(b) for a, b in SLOTS.items()}).split()
    for _ in range(rng.randint(0, 3)):
        words.insert(rng.randint(0, len(words)), rng.choice(FILL))
    words = [w for w in words if rng.random() > 0.12] or ["um"]
    return words[:12], k


class TextCNN(nn.Module):
    def __init__(self, vocab, n_out, emb=24, ch=32):
        super().__init__()
        self.emb = nn.Embedding(vocab, emb, padding_idx=0)
        self.convs = nn.ModuleList([nn.Conv1d(emb, ch, k, padding=k // 2) for k in (1, 3)])
        self.fc1 = nn.Linear(2 * ch, 48)
        self.fc2 = nn.Linear(48, n_out)

    def forward(self, ids):
        e = self.emb(ids).transpose(1, 2)
        h = torch.cat([F.relu(c(e)).amax(2) for c in self.convs], 1)
        h = F.relu(self.fc1(h))
        return F.relu(self.fc2(h))


class Fit:
    def __init__(self, model, lr=0.1, gamma=0.9):
        self.model = model
        self.opt = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.5)
        self.sched = torch.optim.lr_scheduler.ExponentialLR(self.opt, gamma=gamma)

    def batch(self, x, y):
        self.opt.zero_grad()
        loss = F.cross_entropy(self.model(x), y)
        loss.backward()
        self.opt.step()
        self.sched.step()
        return loss.item()

    def epoch(self, x, y, bs=32):
        self.model.train()
        losses = [self.batch(x[i], y[i]) for i in torch.randperm(len(x)).split(bs)]
        return sum(losses) / len(losses)

    @torch.no_grad()
    def accuracy(self, x, y):
        self.model.eval()
        return (self.model(x).argmax(1) == y).float().mean().item()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    train, test = [utterance(rng) for _ in range(2500)], [utterance(rng) for _ in range(800)]
    vocab = {w: i + 1 for i, w in enumerate(sorted({w for s, _ in train for w in s}))}

    def tensors(data):
        x = torch.zeros(len(data), 12, dtype=torch.long)
        for i, (s, _) in enumerate(data):
            x[i, :len(s)] = torch.tensor([vocab.get(w, 0) for w in s])
        return x, torch.tensor([k for _, k in data])

    xtr, ytr = tensors(train)
    xte, yte = tensors(test)
    fit = Fit(TextCNN(len(vocab) + 1, len(INTENTS)))
    for ep in range(10):
        l = fit.epoch(xtr, ytr)
        print(f"epoch {ep + 1:2d} loss {l:.4f} acc {fit.accuracy(xte, yte):.4f}")
    print(f"accuracy {fit.accuracy(xte, yte):.4f}")
