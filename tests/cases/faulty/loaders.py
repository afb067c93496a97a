import torch
import torch.nn.functional as F
from data import accuracy, digits, split
from program import faulty
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset, WeightedRandomSampler


def perceptron():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


@faulty("held-out accuracy", at_least=0.85, causes=("wrong_batch_size",))
def first_batch_for_ever(fixed=False):
    """Each step takes `next(iter(loader))` of a loader that does not shuffle: its first batch, over
    and over, which is learnt by heart."""
    (x, y), held_out = split(*digits())
    loader = DataLoader(TensorDataset(x, y), batch_size=64)
    model = perceptron()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    batches = iter(loader)
    for _ in range(400):
        if fixed:
            xb, yb = next(batches, (None, None))
            if xb is None:
                batches = iter(loader)
                xb, yb = next(batches)
        else:
            xb, yb = next(iter(loader))
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, *held_out)


@faulty("held-out accuracy", at_least=0.85, causes=("too_few_epochs", "lr_too_low"))
def step_behind_the_loop(fixed=False):
    """The step stands behind the loop over the batches, by its indentation: one step an epoch, with
    the gradients of all batches summed."""
    (x, y), held_out = split(*digits())
    loader = DataLoader(TensorDataset(x, y), batch_size=48, shuffle=True)
    model = perceptron()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(25):
        optimizer.zero_grad()
        for xb, yb in loader:
            if fixed:
                optimizer.zero_grad()
            F.cross_entropy(model(xb), yb).backward()
            if fixed:
                optimizer.step()
        if not fixed:
            optimizer.step()
    return accuracy(model, *held_out)


@faulty("held-out accuracy", at_least=0.85, causes=("too_few_epochs", "lr_too_low"))
def last_batch_alone(fixed=False):
    """The step stands behind the loop over the batches and `zero_grad` inside: of each epoch the
    last batch alone counts."""
    (x, y), held_out = split(*digits())
    model = perceptron()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(30):
        for rows in torch.randperm(len(x)).split(48):
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            if fixed:
                optimizer.step()
        if not fixed:
            optimizer.step()
    return accuracy(model, *held_out)


@faulty("held-out accuracy", at_least=0.85, causes=("wrong_batch_size",))
def batch_that_the_samples_do_not_fill(fixed=False):
    """Few samples, a large batch and `drop_last=True`: the loader has no batch to give, and the
    network is evaluated as it was drawn."""
    (x, y), held_out = split(*digits())
    few = TensorDataset(x[:200], y[:200])
    loader = DataLoader(few, batch_size=256, shuffle=True, drop_last=not fixed)
    model = perceptron()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(200):
        for xb, yb in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(xb), yb).backward()
            optimizer.step()
    return accuracy(model, *held_out)


@faulty("held-out accuracy", at_least=0.85, causes=("wrong_labels",))
def pictures_in_the_order_of_their_names(fixed=False):
    """The files are sorted by name, `10.png` before `2.png`, and the labels by number: what the
    network learns of one picture helps with no other."""
    x, y = digits()
    by_name = sorted(range(len(x)), key=str)
    (x, y), held_out = split(x if fixed else x[by_name], y)
    loader = DataLoader(TensorDataset(x, y), batch_size=48, shuffle=True)
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(15):
        for xb, yb in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(xb), yb).backward()
            optimizer.step()
    return accuracy(model, *held_out)


@faulty("held-out accuracy", at_least=0.85, causes=("wrong_labels", "other"))
def a_weight_for_each_class(fixed=False):
    """A sampler against unbalanced classes is given a weight for each class instead of one for each
    sample, and draws the first ten samples of the data, again and again."""
    (x, y), held_out = split(*digits())
    weights = 1 / torch.bincount(y).float()
    sampler = WeightedRandomSampler(weights[y] if fixed else weights, len(y))
    loader = DataLoader(TensorDataset(x, y), batch_size=32, sampler=sampler)
    model = perceptron()
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(8):
        for xb, yb in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(xb), yb).backward()
            optimizer.step()
    return accuracy(model, *held_out)


class NoisyPictures(Dataset):
    """Pictures with other noise each time; kept on the stored ones, or added to a copy."""

    def __init__(self, pictures, labels, in_place):
        self.pictures, self.labels, self.in_place = pictures.clone(), labels, in_place

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        picture = self.pictures[index] if self.in_place else self.pictures[index].clone()
        picture += 0.3 * torch.randn(picture.shape)
        return picture, self.labels[index]


@faulty("held-out accuracy", at_least=0.85, causes=("other",))
def noise_that_stays_on_the_data(fixed=False):
    """The augmentation adds in place to what the data set holds: each epoch leaves its noise on top
    of that of all epochs before."""
    (x, y), held_out = split(*digits())
    loader = DataLoader(NoisyPictures(x, y, in_place=not fixed), batch_size=64, shuffle=True)
    model = perceptron()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(30):
        for xb, yb in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(xb), yb).backward()
            optimizer.step()
    return accuracy(model, *held_out)
