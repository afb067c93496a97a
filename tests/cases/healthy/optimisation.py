import copy
import math

import torch
import torch.nn.functional as F
from data import accuracy, curve, digits, minibatches, moons, unexplained, wine
from program import healthy
from torch import nn


def network(width=64, out=10):
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, out))


@healthy("accuracy", at_least=0.9)
def large_rate_that_works():
    """Plain gradient descent at a rate of 1: the loss jumps at first and settles."""
    x, y = digits()
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    for xb, yb in minibatches(x, y, 64, 250):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def warm_up_from_zero():
    """The rate starts at exactly zero: the first step changes nothing at all."""
    x, y = digits()
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 50))
    for xb, yb in minibatches(x, y, 64, 250):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
        schedule.step()
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def cosine_to_zero():
    """The rate ends at zero: the last updates are as good as nothing."""
    x, y = digits()
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=250)
    for xb, yb in minibatches(x, y, 64, 250):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
        schedule.step()
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def cyclic_rate():
    """The rate rises and falls: with it the loss goes up again several times."""
    x, y = digits()
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CyclicLR(
        optimizer, base_lr=0.01, max_lr=1.0, step_size_up=30, cycle_momentum=False
    )
    for xb, yb in minibatches(x, y, 64, 300):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
        schedule.step()
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def gradient_accumulation():
    """Four backward passes for each step: gradients pile up on purpose."""
    x, y = digits()
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for i, (xb, yb) in enumerate(minibatches(x, y, 16, 480), 1):
        (F.cross_entropy(model(xb), yb) / 4).backward()
        if i % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def gradient_clipping():
    """Gradients are always cut to a small norm: the updates do not follow their size."""
    x, y = digits()
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    for xb, yb in minibatches(x, y, 64, 250):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        optimizer.step()
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def bfloat16_autocast():
    """Half of the digits are gone in the forward pass; the weights keep them."""
    x, y = digits()
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for xb, yb in minibatches(x, y, 64, 200):
        with torch.autocast("cpu", torch.bfloat16):
            loss = F.cross_entropy(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return accuracy(model, x, y)


@healthy("accuracy of the averaged weights", at_least=0.9)
def averaged_weights():
    """A second copy of the weights follows the first and never gets a gradient."""
    x, y = digits()
    model = network()
    average = copy.deepcopy(model).requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    for xb, yb in minibatches(x, y, 64, 250):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
        with torch.no_grad():
            for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
                slow.lerp_(fast, 0.05)
    return accuracy(average, x, y)


@healthy("accuracy", at_least=0.9)
def sharpness_aware():
    """Two backward passes a step, the second at weights moved uphill (Foret 2021)."""
    x, y = digits()
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    for xb, yb in minibatches(x, y, 64, 200):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        with torch.no_grad():
            norm = torch.stack([p.grad.norm() for p in model.parameters()]).norm()
            uphill = [0.05 * p.grad / norm for p in model.parameters()]
            for p, move in zip(model.parameters(), uphill, strict=True):
                p.add_(move)
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        with torch.no_grad():
            for p, move in zip(model.parameters(), uphill, strict=True):
                p.sub_(move)
        optimizer.step()
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.85)
def heavy_weight_decay():
    """Decay of 0.05 keeps the weights small and the loss high, and still it learns."""
    x, y = digits()
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.05)
    for xb, yb in minibatches(x, y, 64, 300):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def frozen_layer_by_choice():
    """A random hidden layer that is never trained (an extreme learning machine)."""
    x, y = digits()
    model = network(width=256)
    model[0].requires_grad_(False)
    optimizer = torch.optim.Adam(model[2].parameters(), lr=0.01)
    for xb, yb in minibatches(x, y, 64, 250):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def rate_per_layer():
    """The first layer learns a hundred times more slowly than the last."""
    x, y = digits()
    model = network()
    optimizer = torch.optim.SGD(
        [
            {"params": model[0].parameters(), "lr": 0.005},
            {"params": model[2].parameters(), "lr": 0.5},
        ]
    )
    for xb, yb in minibatches(x, y, 64, 300):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.95)
def early_plateau():
    """Two spirals: the loss hardly moves for the first hundred steps, then it falls."""
    radius = torch.rand(400).sqrt()
    y = torch.arange(400) % 2
    angle = 5 * radius + math.pi * y
    x = torch.stack([radius * angle.cos(), radius * angle.sin()], 1)
    model = nn.Sequential(
        nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, yb in minibatches(x, y, 64, 400):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def sign_descent():
    """Updates of one size whatever the gradient: they never get smaller."""
    x, y = digits()
    model = network()
    for xb, yb in minibatches(x, y, 64, 250):
        model.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= 0.002 * p.grad.sign()
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def fine_tuning_at_a_tiny_rate():
    """Weights that are good already, moved by a rate of 1e-5: slow on purpose."""
    x, y = wine()
    model = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 3))
    pretraining = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, yb in minibatches(x, y, 32, 60):
        pretraining.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        pretraining.step()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
    for xb, yb in minibatches(x, y, 32, 200):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def curriculum():
    """Easy classes first: each new class makes the loss jump."""
    x, y = digits()
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for classes in (2, 4, 6, 8, 10):
        known = y < classes
        for xb, yb in minibatches(x[known], y[known], 64, 70):
            optimizer.zero_grad()
            F.cross_entropy(model(xb), yb).backward()
            optimizer.step()
    return accuracy(model, x, y)


@healthy("unexplained variance", at_most=0.05)
def two_optimizers_in_turn():
    """Hidden and output layer have an optimizer each and step alternately."""
    x, y = curve()
    model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizers = [torch.optim.Adam(model[i].parameters(), lr=0.02) for i in (0, 2)]
    for i, (xb, yb) in enumerate(minibatches(x, y, 64, 300)):
        model.zero_grad()
        F.mse_loss(model(xb), yb).backward()
        optimizers[i % 2].step()
    return unexplained(model, x, y)


@healthy("accuracy", at_least=0.9)
def noisy_gradients():
    """Clipped gradients with noise added, as differentially private training does it."""
    x, y = moons()
    model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
    for xb, yb in minibatches(x, y, 64, 300):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        for p in model.parameters():
            p.grad += 0.02 * torch.randn_like(p)
        optimizer.step()
    return accuracy(model, x, y)
