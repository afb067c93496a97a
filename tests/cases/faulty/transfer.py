import copy

import torch
import torch.nn.functional as F
from data import accuracy, digits, minibatches, split
from program import faulty
from torch import nn


class Pictures(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)),
            nn.Conv2d(1, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(32, classes)

    def forward(self, x):
        return self.head(self.backbone(x))


def fit(model, optimizer, x, y, steps):
    model.train()
    for xb, yb in minibatches(x, y, 32, steps):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()


@faulty("held-out accuracy", at_least=0.9, causes=("bad_init", "frozen"))
def checkpoint_with_a_prefix(fixed=False):
    """A backbone that was trained under `nn.DataParallel` is loaded with `strict=False` and frozen:
    each name begins with `module.`, nothing matches, and what is frozen is random."""
    (x, y), (held_out, truth) = split(*digits())
    pretrained = Pictures(10)
    fit(pretrained, torch.optim.Adam(pretrained.parameters(), 3e-3), x, y, 300)
    state = nn.DataParallel(pretrained).state_dict()
    state = {name: tensor for name, tensor in state.items() if "head" not in name}
    if fixed:
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    model = Pictures(2)
    model.load_state_dict(state, strict=False)
    model.backbone.requires_grad_(False)
    fit(model, torch.optim.Adam(model.head.parameters(), 5e-3), x, y % 2, 400)
    return accuracy(model, held_out, truth % 2)


@faulty("held-out accuracy", at_least=0.9, causes=("frozen",))
def head_behind_the_optimizer(fixed=False):
    """In the middle of a run the head is replaced by one of ten classes, and the optimizer goes on
    with the old one: the rest of the network has to make do with a random head."""
    (x, y), held_out = split(*digits())
    model = Pictures(2)
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    fit(model, optimizer, x, y % 2, 100)
    model.head = nn.Linear(32, 10)
    if fixed:
        optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    fit(model, optimizer, x, y, 150)
    return accuracy(model, *held_out)


@faulty("held-out accuracy", at_least=0.9, causes=("bad_init", "frozen"))
def initialised_after_the_load(fixed=False):
    """A backbone is loaded, then the whole model initialised, then the backbone frozen: what is
    frozen is random."""
    (x, y), (held_out, truth) = split(*digits())
    pretrained = Pictures(10)
    fit(pretrained, torch.optim.Adam(pretrained.parameters(), 3e-3), x, y, 300)
    model = Pictures(2)
    if not fixed:
        model.backbone.load_state_dict(pretrained.backbone.state_dict())
    model.apply(drawn)
    if fixed:
        model.backbone.load_state_dict(pretrained.backbone.state_dict())
    model.backbone.requires_grad_(False)
    fit(model, torch.optim.Adam(model.head.parameters(), 5e-3), x, y % 2, 400)
    return accuracy(model, held_out, truth % 2)


def drawn(module):
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


@faulty("held-out accuracy", at_least=0.9, causes=("other",))
def best_weights_that_were_not_copied(fixed=False):
    """The best weights are what `state_dict()` returned: tensors that share the memory of the
    network, so that what is restored is what the last epochs, on wrong labels, have made of it."""
    (x, y), held_out = split(*digits())
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    best, state = 0.0, None
    for epoch in range(10):
        fit(model, optimizer, x, y if epoch < 5 else (y + 1) % 10, 40)
        model.eval()
        score = accuracy(model, x, y)
        if score > best:
            best, state = score, model.state_dict()
            if fixed:
                state = copy.deepcopy(state)
    model.load_state_dict(state)
    return accuracy(model, *held_out)


@faulty("held-out accuracy", at_least=0.9, causes=("other",))
def best_weights_that_were_never_kept(fixed=False):
    """The best loss begins with 0, which none undercuts: what is restored at the end is the copy
    that was made before the training."""
    (x, y), held_out = split(*digits())
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    best, state = float("inf") if fixed else 0.0, copy.deepcopy(model.state_dict())
    for _ in range(10):
        fit(model, optimizer, x, y, 40)
        model.eval()
        with torch.no_grad():
            loss = float(F.cross_entropy(model(x), y))
        if loss < best:
            best, state = loss, copy.deepcopy(model.state_dict())
    model.load_state_dict(state)
    model.eval()
    return accuracy(model, *held_out)


@faulty("held-out accuracy", at_least=0.8, causes=("frozen", "other"))
def groups_without_the_output_layer(fixed=False):
    """Each part of the network gets a rate of its own, and the group of the output layer is never
    handed on: a narrow layer has to serve small random weights."""
    (x, y), held_out = split(*digits())
    body = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 6), nn.Tanh())
    model = nn.Sequential(body, nn.Linear(6, 10))
    nn.init.normal_(model[1].weight, std=0.05)
    groups = [{"params": body.parameters(), "lr": 1e-3}]
    head = {"params": model[1].parameters(), "lr": 5e-3}
    if fixed:
        groups.append(head)
    fit(model, torch.optim.Adam(groups), x, y, 400)
    return accuracy(model, *held_out)
