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
