"""The numbers of the seven topics, computed anew from the formulas that stand beside them.

Where a number comes of a seeded training, the training is repeated by hand (`by_hand.py`): other
code, other precision, the same seeds. What is rounding by itself is only bounded.
"""

import math

import numpy as np
import pytest
import torch
from by_hand import Perceptron, adam, batches, descent, drawn, momentum

from lifesigns.claims.topics import all_topics
from lifesigns.nets.data import load
from lifesigns.nets.mlp import MLP

ROUNDING = 1e-12
"""Of numbers that would be 0 if computers were exact."""


@pytest.fixture
def numbers(results):
    """The numbers of a topic as its page shows them, of quick runs."""

    def measured(topic):
        (page,) = (one for one in all_topics() if one.name == topic)
        return {key: found(number) for key, number in page.numbers.items()}

    def found(number):
        (value,) = (m.value for m in results[number.claim].result.measurements
                    if m.name == number.measurement)  # fmt: skip
        return value

    return measured


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_backprop(numbers):
    """δ[L] = p − y; δ[l] = (W[l+1]ᵀ δ[l+1]) ⊙ σ′(z[l]); ∂C/∂W = δ aᵀ, the mean over samples."""
    digits = load("digits")
    torch.manual_seed(0)
    model = MLP(64, (32,) * 4, 10, "sigmoid", initialiser="glorot_uniform").build().double()
    linear = [layer for layer in model if isinstance(layer, torch.nn.Linear)]
    weights = [(one.weight.detach().numpy(), one.bias.detach().numpy()) for one in linear]
    x, y = digits.inputs[:128].double().numpy(), digits.targets[:128].numpy()

    outputs = [x]
    for weight, bias in weights[:-1]:
        outputs.append(sigmoid(outputs[-1] @ weight.T + bias))
    logits = outputs[-1] @ weights[-1][0].T + weights[-1][1]
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    deltas = [shares - np.eye(10)[y]]
    for at in range(4, 0, -1):
        deltas.insert(0, deltas[0] @ weights[at][0] * outputs[at] * (1 - outputs[at]))
    sizes = [math.sqrt((delta**2).mean()) for delta in deltas]
    slopes = [(a * (1 - a)).mean() for a in outputs[1:]]

    found = numbers("backprop")

    assert found.pop("autograd") < 1e-15
    assert found == pytest.approx(
        {"ratio": sizes[0] / sizes[4], "low": min(slopes), "high": max(slopes)}
        | {f"delta{layer}": size for layer, size in enumerate(sizes, 1)}, rel=1e-6
    )  # fmt: skip


def course(start, slope):
    """Outputs of one sigmoid unit with input 1 and target 0, epoch by epoch, at a rate of 0.15."""
    weight = bias = start
    outputs = []
    for _ in range(301):
        a = 1 / (1 + math.exp(-(weight + bias)))
        outputs.append(a)
        weight, bias = (
            value - 0.15 * a * (a * (1 - a) if slope else 1) for value in (weight, bias)
        )
    return outputs


def test_cross_entropy(numbers):
    """∂C/∂z is (a − y) σ′(z) under squared error, and a − y under cross-entropy."""

    def half(outputs):
        return next(epoch for epoch, a in enumerate(outputs) if a <= outputs[0] / 2)

    found = numbers("cross-entropy")
    gentle = round(math.log(found["gentle_start"] / (1 - found["gentle_start"])) / 2, 2)
    slow, fast = course(2.0, True), course(2.0, False)

    assert found.pop("autograd") < 1e-12
    assert found == pytest.approx(
        {
            "start": sigmoid(4.0),
            "gentle_start": sigmoid(2 * gentle),
            "squared_gradient": sigmoid(4.0) ** 2 * (1 - sigmoid(4.0)),
            "entropy_gradient": sigmoid(4.0),
            "move": (fast[0] - fast[1]) / (slow[0] - slow[1]),
            "squared": half(slow),
            "entropy": half(fast),
            "gentle_squared": half(course(0.75, True)),
            "gentle_entropy": half(course(0.75, False)),
        },
        rel=0.005,
    )


def first_over_last(depth, activation, initialiser):
    """Gradients of the first step: that of the first layer over that of the last, over 3 seeds."""
    ratios = []
    for seed in range(3):
        net = Perceptron((64,) * depth, activation, initialiser, seed)
        by_weight, _ = net.gradients(*next(batches(seed, 32, 1)))
        first, *_, last = (math.sqrt((one**2).mean()) for one in by_weight)
        ratios.append(first / last)
    return np.median(ratios)


def test_saturation(numbers):
    """σ′ = σ(1 − σ) ≤ 1/4, and what a stack of layers leaves of the gradient."""
    deep = {"two": 2, "four": 4, "eight": 8}

    found = numbers("saturation")

    assert found == pytest.approx(
        {
            "top": 0.25,
            "five": sigmoid(5.0) * (1 - sigmoid(5.0)),
            **{key: first_over_last(n, "sigmoid", "glorot_uniform") for key, n in deep.items()},
            "relu": first_over_last(8, "relu", "he_normal"),
        },
        rel=1e-5,
    )


def test_universal_approximation(numbers):
    """Largest error of Σ v[k] σ(w(x − t[k])), fitted by least squares, and of the best cubic."""
    x = np.linspace(-3, 3, 2001)
    wanted = np.sin(2 * x) + np.abs(x) / 2 - np.exp(-4 * (x - 1) ** 2)
    functions = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh, "sigmoid": sigmoid}
    expected = {}
    for name, function in functions.items():
        for width in (2, 32, 512):
            steepness = max(1.0, width / 8)
            hidden = function(steepness * (x[:, None] - np.linspace(-3.2, 3.2, width)))
            design = np.column_stack([hidden / max(1.0, np.abs(hidden).max()), np.ones_like(x)])
            basis, sizes, _ = np.linalg.svd(design, full_matrices=False)
            basis = basis[:, sizes > 1e-12 * sizes[0]]
            expected[f"{name}{width}"] = np.abs(basis @ (basis.T @ wanted) - wanted).max()
    best_cubic = np.polynomial.Polynomial.fit(x, wanted, 3)(x)

    found = numbers("universal-approximation")

    assert found.pop("linear") < ROUNDING
    assert found.pop("stuck") == pytest.approx(np.abs(best_cubic - wanted).max(), rel=0.02)
    assert found == pytest.approx(expected, rel=1e-4)


def test_zero_init(numbers):
    """With a = 0 and V = 0 every weight keeps its 0; without a hidden layer nothing is equal."""
    targets = load("digits").targets.numpy()
    shares = np.bincount(targets) / len(targets)
    ends = {}
    for start in ("zeros", None):
        nets = (Perceptron((), "relu", start, seed) for seed in range(4))
        ends[start] = [descent(net, batches(n, 32, 200), 0.02).accuracy()
                       for n, net in enumerate(nets)]  # fmt: skip
    for start in ("zeros", "glorot_uniform"):
        nets = (Perceptron((32,), "sigmoid", start, seed) for seed in range(4))
        ends["sigmoid", start] = [descent(net, batches(n, 32, 400), 0.5).accuracy()
                                  for n, net in enumerate(nets)]  # fmt: skip
    silent = descent(Perceptron((32, 32), "relu", "zeros", 0), drawn(0, 64, 100), 0.1)
    learnt = np.exp(silent.biases[-1]) / np.exp(silent.biases[-1]).sum()

    found = numbers("zero-init")

    assert (found.pop("mlp"), found.pop("cnn"), found.pop("rnn")) == (0, 0, 0)
    assert not any(weight.any() for weight in silent.weights)
    assert found.pop("spread") < 1e-5  # rounding, in float32
    assert found == pytest.approx(
        {
            "softmax": np.mean(ends["zeros"]),
            "gap": np.mean(ends["zeros"]) - np.mean(ends[None]),
            "chance": silent.accuracy(),
            "frequent": shares.max(),
            "error": np.abs(learnt - shares).max(),
            "sigmoid": np.mean(ends["sigmoid", "zeros"]),
            "glorot": np.mean(ends["sigmoid", "glorot_uniform"]),
        },
        rel=1e-3,
    )


def born_dead(depth):
    """How often a chain of layers of two is silent on everything: drawn anew, by another seed."""
    random = np.random.default_rng(7)
    a = np.broadcast_to(random.uniform(-1, 1, (1, 100, 1)), (2000, 100, 1))
    for fan_in in (1, *(2,) * (depth - 2)):
        weight = random.standard_normal((2000, fan_in, 2)) * math.sqrt(2 / fan_in)
        a = np.maximum(a @ weight, 0)
    return (np.ptp(a, axis=1).max(1) == 0).mean()


def test_dead_units(numbers):
    """The share of units whose slope is 0 on every sample; a rounding may save a unit or two."""
    rates = {"low": 0.01, "middle": 0.03, "high": 0.1}
    died = {
        key: np.mean([adam(Perceptron((100, 100), "relu", None, seed), batches(seed, 64, 150),
                           rate).dead() for seed in range(3)])
        for key, rate in rates.items()
    }  # fmt: skip
    died["relu"], leaky = (
        [momentum(Perceptron((32, 32), name, "he_normal", seed), batches(seed, 32, 200), 0.1).dead()
         for seed in range(6)] for name in ("relu", "leaky_relu")
    )  # fmt: skip
    died["relu"] = np.mean(died["relu"])

    found = numbers("dead-units")

    assert found.pop("leaky") == max(leaky) == 0
    born = {key: found.pop(key) for key in ("five", "ten", "twenty")}
    drawn_anew = {"five": born_dead(5), "ten": born_dead(10), "twenty": born_dead(20)}
    assert born == pytest.approx(drawn_anew, abs=0.05)
    assert found == pytest.approx(died, abs=0.01)


def coherence(name, seed, size=32):
    """|Σ g| / Σ |g| of the second layer's weights, the mean over units and 5 steps."""
    net = Perceptron((32, 32), name, "glorot_uniform", seed)
    found = []
    for x, y in batches(seed, size, 5):
        gradient = net.step(x, y, 0.1)[0][1]
        found.append((np.abs(gradient.sum(1)) / np.abs(gradient).sum(1)).mean())
    return np.mean(found)


def way(name, seed):
    """Σ η |g| until the smoothed loss is below 0.5."""
    net = Perceptron((32, 32), name, "glorot_uniform", seed)
    length, smooth = 0.0, 3.0
    for x, y in drawn(seed, 64, 600):
        loss = -np.log(net.forward(x)[2][np.arange(len(y)), y]).mean()
        by_weight, by_bias = net.step(x, y, 0.3)
        length += 0.3 * math.sqrt(sum((one**2).sum() for one in (*by_weight, *by_bias)))
        smooth = 0.9 * smooth + 0.1 * loss
        if smooth < 0.5:
            break
    return length


def test_zig_zag(numbers):
    """Gradients of one sign behind sigmoids, and how far the weights travel."""
    names = {"sigmoid": "sigmoid", "shifted": "shifted sigmoid", "tanh": "tanh"}
    ways = {key: np.array([way(name, seed) for seed in range(3)]) for key, name in names.items()}

    found = numbers("zig-zag")

    assert found == pytest.approx(
        {
            "single": coherence("sigmoid", 0, 1),
            "batch": np.mean([coherence("sigmoid", seed) for seed in range(3)]),
            "tanh": np.mean([coherence("tanh", seed) for seed in range(3)]),
            **{f"way_{key}": lengths.mean() for key, lengths in ways.items()},
            "longer": (ways["sigmoid"] / ways["shifted"]).mean(),
        },
        rel=1e-4,
    )


def test_each_topic_has_a_test_of_its_numbers():
    tested = {name.removeprefix("test_").replace("_", "-") for name in globals()}

    assert {topic.name for topic in all_topics()} <= tested
