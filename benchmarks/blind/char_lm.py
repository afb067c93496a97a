"""Character level language model on generated recipe sentences."""
import argparse
import random

import torch
import torch.nn as nn

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--steps", type=int, default=350)
parser.add_argument("--block", type=int, default=48)
opt_args = parser.parse_args()

torch.set_num_threads(1)
torch.manual_seed(opt_args.seed)
random.seed(opt_args.seed)

VERBS = ["chop", "slice", "boil", "stir", "bake", "fry", "season", "peel", "grate", "whisk"]
FOODS = ["the onions", "two carrots", "the potatoes", "fresh basil", "the eggs", "some butter", "the rice",
         "a chicken", "the mushrooms", "three tomatoes"]
TAILS = ["for ten minutes", "until golden", "with salt and pepper", "in a large pan", "over low heat",
         "and set aside", "very finely", "in cold water"]
JOIN = [". then ", ", and ", ". after that ", ". meanwhile "]


def corpus(n):
    out = []
    for _ in range(n):
        out.append(f"{random.choice(VERBS)} {random.choice(FOODS)} {random.choice(TAILS)}{random.choice(JOIN)}")
    return "".join(out)


text = corpus(4000)
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in text])
cut = int(0.9 * len(data))
train_data, val_data = data[:cut], data[cut:]


def get_batch(source, batch=32, block=opt_args.block):
    ix = torch.randint(len(source) - block - 1, (batch,))
    x = torch.stack([source[i:i + block] for i in ix])
    y = torch.stack([source[i:i + block] for i in ix])
    return x, y


class CharGRU(nn.Module):
    def __init__(self, vocab, emb=32, hidden=96):
        super().__init__()
        self.emb = nn.Embedding(vocab, emb)
        self.rnn = nn.GRU(emb, hidden, batch_first=True)
        self.out = nn.Linear(hidden, vocab)

    def forward(self, x, h=None):
        z, h = self.rnn(self.emb(x), h)
        return self.out(z), h


@torch.no_grad()
def sample(model, prompt, n=60):
    model.eval()
    ids = torch.tensor([[stoi[c] for c in prompt]])
    logits, h = model(ids)
    res = prompt
    for _ in range(n):
        nxt = torch.multinomial(logits[:, -1].softmax(-1), 1)
        res += chars[nxt.item()]
        logits, h = model(nxt, h)
    return res


@torch.no_grad()
def next_char_accuracy(model):
    model.eval()
    hit = total = 0
    for i in range(0, len(val_data) - 101, 100):
        chunk = val_data[i:i + 101].unsqueeze(0)
        logits, _ = model(chunk[:, :-1])
        hit += (logits.argmax(-1) == chunk[:, 1:]).sum().item()
        total += 100
    return hit / total


model = CharGRU(len(chars))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for step in range(opt_args.steps):
    model.train()
    x, y = get_batch(train_data)
    logits, _ = model(x)
    loss = nn.functional.cross_entropy(logits.reshape(-1, len(chars)), y.reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f}")

print(sample(model, "chop "))
print(f"held-out next-char accuracy {next_char_accuracy(model):.4f}")
