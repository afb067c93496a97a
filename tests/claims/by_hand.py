"""Perceptrons trained by hand: forward, backward and update written out in NumPy, in float64."""

from itertools import islice

import numpy as np
import torch

from lifesigns.nets.data import load
from lifesigns.nets.mlp import MLP

ACTIVATIONS = {
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z, a: a * (1 - a)),
    "shifted sigmoid": (lambda z: 1 / (1 + np.exp(-z)) - 0.5, lambda z, a: (a + 0.5) * (0.5 - a)),
    "tanh": (np.tanh, lambda z, a: 1 - a**2),
    "relu": (lambda z: np.maximum(z, 0), lambda z, a: (z > 0).astype(float)),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z, a: np.where(z > 0, 1, 0.01)),
}
"""σ, and σ′ from z and σ(z)."""


class Perceptron:
    """Weights and biases that start where torch starts them for a seed."""

    def __init__(self, hidden, activation, initialiser, seed):
        known = "sigmoid" if activation == "shifted sigmoid" else activation
        torch.manual_seed(seed)
        module = MLP(64, hidden, 10, known, initialiser=initialiser).build()
        given = [one.detach().double().numpy() for one in module.parameters()]
        self.weights, self.biases = given[::2], given[1::2]
        self.function, self.slope = ACTIVATIONS[activation]

    def forward(self, x):
        """z and a of each hidden layer, and the shares of the classes."""
        zs, outputs = [], [x]
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            zs.append(outputs[-1] @ weight.T + bias)
            outputs.append(self.function(zs[-1]))
        logits = outputs[-1] @ self.weights[-1].T + self.biases[-1]
        logits -= logits.max(1, keepdims=True)
        return zs, outputs, np.exp(logits) / np.exp(logits).sum(1, keepdims=True)

    def gradients(self, x, y):
        """Of cross-entropy by each weight and bias: δ aᵀ and δ, means over the samples."""
        zs, outputs, shares = self.forward(x)
        delta = (shares - np.eye(10)[y]) / len(x)
        by_weight, by_bias = [], []
        for at in range(len(self.weights) - 1, -1, -1):
            by_weight.insert(0, delta.T @ outputs[at])
            by_bias.insert(0, delta.sum(0))
            if at:
                slopes = self.slope(zs[at - 1], outputs[at])
                delta = delta @ self.weights[at] * slopes
        return by_weight, by_bias

    def parameters(self):
        return [*self.weights, *self.biases]

    def step(self, x, y, rate):
        """One step of gradient descent; returns the gradients."""
        by_weight, by_bias = self.gradients(x, y)
        for value, gradient in zip(self.parameters(), (*by_weight, *by_bias), strict=True):
            value -= rate * gradient
        return by_weight, by_bias

    def accuracy(self):
        data = load("digits")
        _, _, shares = self.forward(data.test_inputs.double().numpy())
        return (shares.argmax(1) == data.test_targets.numpy()).mean()

    def dead(self):
        """Share of hidden units whose slope is 0 for every held-out sample."""
        zs, outputs, _ = self.forward(load("digits").test_inputs.double().numpy())
        slopes = [self.slope(z, a) for z, a in zip(zs, outputs[1:], strict=True)]
        return np.mean([value for one in slopes for value in (one == 0).all(0)])


def batches(seed, size, steps):
    """Samples and classes of each step: shuffled anew in every epoch."""
    data = load("digits")
    inputs, targets = data.inputs.double().numpy(), data.targets.numpy()

    def endless():
        order = torch.Generator().manual_seed(seed)
        while True:
            for rows in torch.split(torch.randperm(len(inputs), generator=order), size):
                yield inputs[rows.numpy()], targets[rows.numpy()]

    return islice(endless(), steps)


def drawn(seed, size, steps):
    """The same with samples that are drawn with replacement."""
    data = load("digits")
    inputs, targets = data.inputs.double().numpy(), data.targets.numpy()
    order = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        rows = torch.randint(len(inputs), (size,), generator=order).numpy()
        yield inputs[rows], targets[rows]


def momentum(net, data, rate, kept=0.9):
    """Descent with momentum."""
    velocity = [np.zeros_like(one) for one in net.parameters()]
    for x, y in data:
        by_weight, by_bias = net.gradients(x, y)
        for value, gradient, v in zip(
            net.parameters(), (*by_weight, *by_bias), velocity, strict=True
        ):
            v *= kept
            v += gradient
            value -= rate * v
    return net


def adam(net, data, rate, kept=(0.9, 0.999), least=1e-8):
    """Kingma & Ba 2015, algorithm 1."""
    first = [np.zeros_like(one) for one in net.parameters()]
    second = [np.zeros_like(one) for one in net.parameters()]
    for t, (x, y) in enumerate(data, 1):
        by_weight, by_bias = net.gradients(x, y)
        for value, g, m, v in zip(
            net.parameters(), (*by_weight, *by_bias), first, second, strict=True
        ):
            m += (1 - kept[0]) * (g - m)
            v += (1 - kept[1]) * (g**2 - v)
            sizes = np.sqrt(v / (1 - kept[1] ** t)) + least
            value -= rate * m / (1 - kept[0] ** t) / sizes
    return net


def descent(net, data, rate):
    """Plain descent."""
    for x, y in data:
        net.step(x, y, rate)
    return net
