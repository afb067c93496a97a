import torch
import torch.nn.functional as F
from data import accuracy, digits, iris, minibatches, moons, split, tumours, wine
from program import healthy
from torch import nn


@healthy("accuracy", at_least=0.85)
def softmax_regression_from_zero():
    """Softmax regression from zero weights: its units differ in their targets, not by chance."""
    x, y = digits()
    model = nn.Linear(64, 10)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for xb, yb in minibatches(x, y, 64, 200):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.95)
def logistic_regression():
    """One linear unit under binary cross-entropy: nothing hidden at all."""
    x, y = tumours()
    target = y.float().unsqueeze(1)
    model = nn.Linear(30, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for xb, yb in minibatches(x, target, 32, 200):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(xb), yb).backward()
        optimizer.step()
    with torch.no_grad():
        return ((model(x) > 0) == (target > 0.5)).float().mean()


@healthy("accuracy", at_least=0.9)
def label_smoothing():
    """Smoothed labels: the loss stays far from zero however well the network does."""
    x, y = digits()
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for xb, yb in minibatches(x, y, 64, 250):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb, label_smoothing=0.3).backward()
        optimizer.step()
    return accuracy(model, x, y)


@healthy("recall of the rare class", at_least=0.8)
def rare_class():
    """One row in twenty is positive: many batches hold one positive row or none."""
    x = torch.randn(1000, 6)
    y = (x[:, 0] + x[:, 1] > 2.3).float().unsqueeze(1)
    model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, yb in minibatches(x, y, 64, 500):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(xb), yb).backward()
        optimizer.step()
    with torch.no_grad():
        return (model(x)[y > 0.5] > 0).float().mean()


@healthy("mean recall of the classes", at_least=0.9)
def weighted_classes():
    """Rare classes weigh up to thirty times the common one in the loss."""
    x, y = digits()
    keep = (y == 0) | (y == 1) | (torch.rand(len(y)) < 0.03)
    x, y = x[keep], y[keep]
    weight = len(y) / (10 * torch.bincount(y, minlength=10).clamp(min=1).float())
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for xb, yb in minibatches(x, y, 32, 300):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb, weight=weight).backward()
        optimizer.step()
    recall = [accuracy(model, x[y == k], y[y == k]) for k in y.unique()]
    return torch.stack(recall).mean()


@healthy("accuracy", at_least=0.9)
def focal_loss():
    """Rows that are already right hardly count: gradients fade because it learns."""
    x, y = digits()
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for xb, yb in minibatches(x, y, 64, 300):
        log_p = F.log_softmax(model(xb), dim=1).gather(1, yb.unsqueeze(1))
        loss = -((1 - log_p.exp()) ** 2 * log_p).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.95)
def hinge_loss():
    """A margin loss: once every row is beyond the margin, all gradients are exactly zero."""
    x = torch.cat([torch.randn(100, 2) - 3, torch.randn(100, 2) + 3])
    side = torch.cat([-torch.ones(100, 1), torch.ones(100, 1)])
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for xb, sb in minibatches(x, side, 32, 250):
        optimizer.zero_grad()
        F.relu(1 - sb * model(xb)).mean().backward()
        optimizer.step()
    with torch.no_grad():
        return (model(x) * side > 0).float().mean()


@healthy("accuracy", at_least=0.95)
def one_hot_inputs():
    """Two one-hot words a row: each input feature is zero nearly always."""
    left, right = torch.randint(0, 30, (2, 600))
    x = torch.cat([F.one_hot(left, 30), F.one_hot(right, 30)], 1).float()
    y = ((left < 15) ^ (right < 15)).long()
    model = nn.Sequential(nn.Linear(60, 64), nn.ReLU(), nn.Linear(64, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, yb in minibatches(x, y, 64, 300):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, x, y)


@healthy("held-out accuracy", at_least=0.9)
def pictures_not_centred():
    """A small convolutional network on pixels in 0…1, some of them always black."""
    (x, y), (x_new, y_new) = split(*digits())
    model = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 10),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, yb in minibatches(x, y, 64, 200):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, x_new, y_new)


@healthy("accuracy", at_least=0.9)
def ten_logits_for_three_classes():
    """More outputs than classes occur in the data: seven of them only learn to be small."""
    x, y = iris()
    model = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for xb, yb in minibatches(x, y, 30, 200):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, x, y)


@healthy("share of right labels", at_least=0.9)
def several_labels_a_row():
    """Several labels may be true at once: ten sigmoids, not one softmax, and most targets 0."""
    x, y = digits()
    target = torch.stack([y == k for k in range(8)] + [y % 2 == 0, y > 4], 1).float()
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for xb, tb in minibatches(x, target, 64, 250):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(xb), tb).backward()
        optimizer.step()
    with torch.no_grad():
        return ((model(x) > 0) == (target > 0.5)).float().mean()


@healthy("accuracy", at_least=0.9)
def sorted_ordinal_thresholds():
    """Ordinal regression: one score against learnt thresholds, as cumulative probabilities."""
    x = torch.randn(600, 4)
    y = torch.bucketize(x[:, 0] + 0.5 * x[:, 1] ** 2, torch.tensor([-0.5, 0.5, 1.5]))
    target = (y.unsqueeze(1) > torch.arange(3)).float()
    score = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1, bias=False))
    thresholds = nn.Parameter(torch.tensor([-1.0, 0.0, 1.0]))
    optimizer = torch.optim.Adam([*score.parameters(), thresholds], lr=0.02)
    for xb, tb in minibatches(x, target, 64, 300):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(score(xb) - thresholds, tb).backward()
        optimizer.step()
    with torch.no_grad():
        return ((score(x) > thresholds).sum(1) == y).float().mean()


@healthy("accuracy", at_least=0.9)
def brier_score_on_softmax():
    """Squared error on softmax probabilities, the Brier score: a proper loss, and it learns."""
    x, y = wine()
    target = F.one_hot(y, 3).float()
    model = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 3), nn.Softmax(1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, tb in minibatches(x, target, 32, 200):
        optimizer.zero_grad()
        F.mse_loss(model(xb), tb).backward()
        optimizer.step()
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def sigmoid_hidden_units():
    """Sigmoid hidden units as in the nineties: inputs to the next layer are all positive."""
    x, y = moons()
    model = nn.Sequential(nn.Linear(2, 32), nn.Sigmoid(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for xb, yb in minibatches(x, y, 50, 300):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def summed_loss():
    """`reduction="sum"` with a rate that fits it: the size of the loss says nothing."""
    x, y = digits()
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.003)
    for xb, yb in minibatches(x, y, 64, 250):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb, reduction="sum").backward()
        optimizer.step()
    return accuracy(model, x, y)
