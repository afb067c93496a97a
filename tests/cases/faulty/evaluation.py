import torch
import torch.nn.functional as F
from data import accuracy, digits, minibatches, split
from program import faulty
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def normalised():
    return nn.Sequential(
        nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(),
        nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def fit(model, x, y, steps=300):
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for xb, yb in minibatches(x, y, 64, steps):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()


@faulty("held-out accuracy", at_least=0.85, causes=("other",))
def images_one_at_a_time(fixed=False):
    """A network with batch normalisation is tested in training mode, on pairs of images: it
    normalises each pair by its own two numbers."""
    (x, y), (held_out, labels) = split(*digits())
    model = normalised()
    fit(model, x, y)
    if fixed:
        model.eval()
    with torch.no_grad():
        answers = torch.cat([model(pair) for pair in held_out.split(2) if len(pair) == 2])
    return (answers.argmax(1) == labels[: len(answers)]).float().mean()


@faulty("held-out accuracy", at_least=0.85, causes=("other",))
def images_of_one_digit_at_a_time(fixed=False):
    """A network with batch normalisation is tested in training mode, digit by digit: what all
    images of a batch have in common, and no other digit has, is normalised away."""
    (x, y), (held_out, labels) = split(*digits())
    model = normalised()
    fit(model, x, y)
    if fixed:
        model.eval()
    right = 0
    for digit in range(10):
        with torch.no_grad():
            right += (model(held_out[labels == digit]).argmax(1) == digit).sum()
    return right / len(held_out)


class Dropped(nn.Module):
    def __init__(self, is_told):
        super().__init__()
        self.hidden, self.out, self.is_told = nn.Linear(64, 128), nn.Linear(128, 10), is_told

    def forward(self, x):
        training = self.training if self.is_told else True
        x = F.dropout(x, 0.5, training)
        return self.out(F.dropout(F.relu(self.hidden(x)), 0.7, training))


@faulty("held-out accuracy", at_least=0.85, causes=("other",))
def dropout_that_is_not_told(fixed=False):
    """`F.dropout` drops units in evaluation mode, too: nobody has told it the mode."""
    train, held_out = split(*digits())
    model = Dropped(fixed)
    fit(model, *train, steps=500)
    model.eval()
    with torch.no_grad():
        return accuracy(model, *held_out)


@faulty("held-out accuracy", at_least=0.85, causes=("unnormalised_input",))
def held_out_data_that_are_raw(fixed=False):
    """The training set is standardised, and the test set is not."""
    (x, y), (held_out, labels) = split(*digits())
    x, held_out = 255 * x + 100, 255 * held_out + 100
    mean, deviation = x.mean(), x.std()
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    fit(model, (x - mean) / deviation, y)
    model.eval()
    with torch.no_grad():
        return accuracy(model, (held_out - mean) / deviation if fixed else held_out, labels)


def loaders(train, held_out):
    return (
        DataLoader(TensorDataset(*train), 32, shuffle=True),
        DataLoader(TensorDataset(*held_out), 100),
    )


def fit_and_validate(model, train, held_out, epochs):
    """As loops with loaders do: an epoch, then the loss and the accuracy of the held-out set."""
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(epochs):
        model.train()
        for xb, yb in train:
            optimizer.zero_grad()
            F.cross_entropy(model(xb), yb).backward()
            optimizer.step()
        model.eval()
        right = 0
        with torch.no_grad():
            for xb, yb in held_out:
                answers = model(xb)
                F.cross_entropy(answers, yb, reduction="sum").item()
                right += (answers.argmax(1) == yb).sum().item()
    return right / len(held_out.dataset)


@faulty("held-out accuracy", at_least=0.85, causes=("wrong_labels",))
def classes_numbered_by_each_set(fixed=False):
    """The classes of each set are numbered by those found in it, and the held-out one lacks a
    digit: the digits behind that get the number of the next."""
    (x, y), (held_out, labels) = split(*digits())
    held_out, labels = held_out[labels != 0], labels[labels != 0]
    labels = labels if fixed else labels.unique(return_inverse=True)[1]
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    return fit_and_validate(model, *loaders((x, y), (held_out, labels)), epochs=10)


def texts(n, words=60, length=16):
    """Sentences whose words are often those of their topic: each of four has a quarter of them."""
    y = torch.randint(4, (n,))
    own = 4 * torch.randint(words // 4, (n, length)) + y.view(-1, 1)
    return torch.where(torch.rand(n, length) < 0.4, own, torch.randint(words, (n, length))), y


@faulty("held-out accuracy", at_least=0.85, causes=("wrong_labels",))
def vocabulary_built_anew(fixed=False):
    """The words of the test set are numbered anew: each number means another word."""
    train, (held_out, labels) = split(*texts(1500))
    held_out = held_out if fixed else torch.randperm(60)[held_out]
    model = nn.Sequential(nn.EmbeddingBag(60, 16), nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
    return fit_and_validate(model, *loaders(train, (held_out, labels)), epochs=12)
