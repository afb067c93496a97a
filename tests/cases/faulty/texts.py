import torch
import torch.nn.functional as F
from data import accuracy, minibatches, split
from program import faulty
from torch import nn

GOOD = ["great", "wonderful", "lovely", "superb", "brilliant", "excellent", "fun", "moving"]
BAD = ["awful", "boring", "terrible", "dull", "poor", "weak", "messy", "tedious"]
OTHER = ["movie", "film", "plot", "the", "a", "was", "it", "actor", "scene", "story", "and", "very"]


def review(label):
    """Nine words, of which three say what somebody thinks."""
    telling = GOOD if label else BAD
    rows = torch.randperm(9)
    words = [OTHER[i] for i in torch.randint(len(OTHER), (6,))]
    words += [telling[i] for i in torch.randint(8, (3,))]
    return " ".join(words[i].capitalize() for i in rows)


class Opinion(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.words, self.out = nn.Embedding(words, 24), nn.Linear(24, 2)

    def forward(self, text):
        return self.out(self.words(text).mean(1))


@faulty("held-out accuracy", at_least=0.9, causes=("other",))
def vocabulary_in_lower_case(fixed=False):
    """The vocabulary was made of words in lower case, and the reviews are looked up as they were
    written: every word is the one for unknown."""
    labels = torch.arange(600) % 2
    reviews = [review(label) for label in labels.tolist()]
    vocabulary = {word: i + 1 for i, word in enumerate(sorted({*GOOD, *BAD, *OTHER}))}
    asked = [text.lower() if fixed else text for text in reviews]
    tokens = torch.tensor([[vocabulary.get(word, 0) for word in text.split()] for text in asked])
    (x, y), held_out = split(tokens, labels)
    model = Opinion(len(vocabulary) + 1)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for xb, yb in minibatches(x, y, 32, 200):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, *held_out)


@faulty("share of neighbours of the own topic", at_least=0.9, causes=("wrong_loss",))
def negative_samples_without_a_minus(fixed=False):
    """Skip-gram with negative sampling, where the scores of random words are pushed up as those of
    neighbours are: one direction for all words gives the least loss."""
    topics = torch.arange(60) % 4
    centre, context = nn.Embedding(60, 12), nn.Embedding(60, 12)
    optimizer = torch.optim.Adam([*centre.parameters(), *context.parameters()], lr=0.02)
    pairs = torch.randint(60, (20_000,)), torch.randint(15, (20_000,))
    for word, other in minibatches(*pairs, 128, 300):
        v = centre(word)
        near, random = context(4 * other + topics[word]), context(torch.randint(60, (len(word), 4)))
        scores = torch.einsum("bd,bnd->bn", v, random)
        positive = F.logsigmoid((v * near).sum(1))
        negative = F.logsigmoid(-scores if fixed else scores).sum(1)
        loss = -(positive + negative).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        rows = F.normalize(centre.weight, dim=1)
        nearest = (rows @ rows.T).fill_diagonal_(-2).topk(3).indices
    return (topics[nearest] == topics[:, None]).float().mean()


END, START, PAD = 0, 1, 2
LETTERS, COUNTS, LONGEST = range(3, 9), range(9, 14), 5
"""Tokens: those that have no sound, six letters, and the numbers from one to five."""


def repetitions(n, padding):
    """A start, a letter, a number, the letter as often as it says, an end, and padding."""
    letters = torch.randint(LETTERS.start, LETTERS.stop, (n, 1))
    often = torch.randint(1, LONGEST + 1, (n, 1))
    at = torch.arange(LONGEST + 1)
    said = torch.where(at < often, letters, torch.where(at == often, END, padding))
    return torch.cat([torch.full((n, 1), START), letters, often + COUNTS.start - 1, said], 1)


class Writer(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.words, self.state = nn.Embedding(14, width), nn.GRU(width, width, batch_first=True)
        self.next = nn.Linear(width, 14)

    def forward(self, ids):
        return self.next(self.state(self.words(ids))[0])


@faulty("share of texts written to their end", at_least=0.9, causes=("wrong_labels",))
def ends_ignored_with_the_padding(fixed=False):
    """The padding is the token that ends a text, and the loss ignores it: no text is ever asked to
    end, and what is written goes on."""
    padding = PAD if fixed else END
    ids = repetitions(2000, padding)
    model = Writer()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for given, goal in minibatches(ids[:, :-1], ids[:, 1:], 64, 200):
        optimizer.zero_grad()
        logits = model(given)
        F.cross_entropy(logits.flatten(0, 1), goal.flatten(), ignore_index=padding).backward()
        optimizer.step()
    wanted = repetitions(300, END)
    written = wanted[:, :3]
    with torch.no_grad():
        for _ in range(LONGEST + 1):
            written = torch.cat([written, model(written)[:, -1:].argmax(2)], 1)
    ended = (written == END).cumsum(1) > 0
    return (written.masked_fill(ended, END) == wanted).all(1).float().mean()


@faulty("share of next tokens said", at_least=0.9, causes=("wrong_labels",))
def labels_moved_by_the_data_and_by_the_loss(fixed=False):
    """The data set gives the next token of each place, and the loss moves the labels once more:
    the model says the token after the next."""
    follows = torch.randperm(12)

    def texts(number):
        tokens = [torch.randint(12, (number,))]
        for _ in range(15):
            strays = torch.randint(12, (number,))
            tokens.append(torch.where(torch.rand(number) < 0.05, strays, follows[tokens[-1]]))
        return torch.stack(tokens, 1)

    model = nn.Sequential(nn.Embedding(12, 24), nn.Linear(24, 12))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    train = texts(800)
    for x, y in minibatches(train[:, :-1], train[:, 1:], 32, 150):
        logits, labels = (model(x), y) if fixed else (model(x)[:, :-1], y[:, 1:])
        optimizer.zero_grad()
        F.cross_entropy(logits.flatten(0, 1), labels.flatten()).backward()
        optimizer.step()
    held_out = texts(100)
    said = model(held_out[:, :-1]).argmax(-1)
    return (said == held_out[:, 1:]).float().mean()


class Rewards(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.words, self.read = nn.Embedding(words, 24), nn.GRU(24, 24, batch_first=True)
        self.out = nn.Linear(24, 1)

    def forward(self, text):
        return self.out(self.read(self.words(text))[0][:, -1]).squeeze(1)


@faulty("pairs of answers told", at_least=0.85, causes=("wrong_shape", "wrong_loss", "other"))
def answers_compared_with_strangers(fixed=False):
    """The preferred answers of a batch stand in front of the others, and the loss takes every other
    row: it compares answers to different prompts, two preferred ones or none."""
    prompts = torch.randint(40, (800, 4))
    good, bad = torch.randint(40, (800, 5)), torch.randint(40, (800, 5))
    good = good // 2 * 2 + (torch.rand(800, 5) < 0.2)
    bad = bad // 2 * 2 + (torch.rand(800, 5) < 0.8)
    chosen, rejected = torch.cat([prompts, good], 1), torch.cat([prompts, bad], 1)
    model = Rewards(40)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for one, other in minibatches(chosen[:600], rejected[:600], 32, 200):
        rewards = model(torch.cat([one, other]))
        better, worse = rewards.chunk(2) if fixed else (rewards[0::2], rewards[1::2])
        optimizer.zero_grad()
        (-F.logsigmoid(better - worse).mean()).backward()
        optimizer.step()
    with torch.no_grad():
        return (model(chosen[600:]) > model(rejected[600:])).float().mean()
