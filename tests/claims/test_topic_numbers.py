"""The numbers of the seven topics, computed anew from the formulas that stand beside them.

What comes of a training with random starts has no formula; of those numbers the parts that have one
are checked: counts, sums, bounds, and what a network from zero must do.
"""

import math

import numpy as np
import pytest
import torch

from lifesigns.claims import Effort, find_claims, run_claims
from lifesigns.claims.topics import all_topics
from lifesigns.nets.data import load
from lifesigns.nets.mlp import MLP

TRAINED = {
    "dead-units": {"low", "middle", "high", "relu", "leaky"},
    "zero-init": {"softmax", "gap", "sigmoid", "glorot", "chance", "error", "spread"},
    "zig-zag": {"batch", "tanh", "way_sigmoid", "way_shifted", "way_tanh", "longer", "single"},
}
"""Numbers that a training gives."""
NEEDED = ("backpropagation", "squared-error-saturates", "cross-entropy-cancels",
          "universal-approximation", "sigmoid-saturates", "zero-start-relu", "born-dead",
          "linear-stack")  # fmt: skip


@pytest.fixture(scope="module")
def measured():
    done = run_claims(find_claims(NEEDED), Effort(quick=True))
    return {each.claim.name: {m.name: m.value for m in each.result.measurements} for each in done}


def numbers(topic, measured):
    (page,) = (one for one in all_topics() if one.name == topic)
    left = TRAINED.get(topic, set())
    return {key: measured[n.claim][n.measurement] for key, n in page.numbers.items()
            if key not in left}  # fmt: skip


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_backprop(measured):
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

    found = numbers("backprop", measured)

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


def test_cross_entropy(measured):
    """∂C/∂z is (a − y) σ′(z) under squared error, and a − y under cross-entropy."""

    def half(outputs):
        return next(epoch for epoch, a in enumerate(outputs) if a <= outputs[0] / 2)

    found = numbers("cross-entropy", measured)
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


def test_saturation(measured):
    """σ′ = σ(1 − σ) ≤ 1/4, and the ratio of gradients, from autograd on the same networks."""
    found = numbers("saturation", measured)

    assert found["top"] == pytest.approx(0.25, abs=1e-6)
    assert found["five"] == pytest.approx(sigmoid(5.0) * (1 - sigmoid(5.0)), rel=1e-6)
    assert found["eight"] < found["four"] < found["two"] < 1
    assert found["four"] < 2 * 0.25**2 * found["two"]  # two slopes more, and weights below 2
    assert found["relu"] > 100 * found["eight"]


def test_universal_approximation(measured):
    """Largest error of Σ v[k] σ(w(x − t[k])), fitted by the normal equations of least squares."""
    x = np.linspace(-3, 3, 2001)
    wanted = np.sin(2 * x) + np.abs(x) / 2 - np.exp(-4 * (x - 1) ** 2)
    found = numbers("universal-approximation", measured)

    for name, function in (("tanh", np.tanh), ("sigmoid", sigmoid)):
        for width in (2, 32):
            steepness = max(1.0, width / 8)
            hidden = function(steepness * (x[:, None] - np.linspace(-3.2, 3.2, width)))
            design = np.column_stack([hidden, np.ones_like(x)])
            fitted = design @ np.linalg.pinv(design, rcond=1e-12) @ wanted
            error = np.abs(fitted - wanted).max()
            assert found[f"{name}{width}"] == pytest.approx(error, rel=0.02), (name, width)
    best_cubic = np.polynomial.Polynomial.fit(x, wanted, 3)(x)
    assert found["stuck"] == pytest.approx(np.abs(best_cubic - wanted).max(), rel=0.02)
    assert found["linear"] < 1e-12
    assert all(found[f"{n}512"] < found[f"{n}2"] / 50 for n in ("relu", "tanh", "sigmoid"))


def test_zero_init(measured):
    """With a = 0 and V = 0 every weight keeps its 0; the best constant says the frequencies."""
    targets = load("digits").targets.numpy()
    found = numbers("zero-init", measured)

    assert (found["mlp"], found["cnn"], found["rnn"]) == (0, 0, 0)
    share = np.bincount(targets).max() / len(targets)
    assert found["frequent"] == pytest.approx(share, rel=1e-6)


def test_dead_units(measured):
    """A layer of two is silent on everything with a probability that is drawn anew here."""
    random = np.random.default_rng(7)
    shares = {}
    for depth in (5, 10, 20):
        a = np.broadcast_to(random.uniform(-1, 1, (1, 100, 1)), (2000, 100, 1))
        for fan_in in (1, *(2,) * (depth - 2)):
            weight = random.standard_normal((2000, fan_in, 2)) * math.sqrt(2 / fan_in)
            a = np.maximum(a @ weight, 0)
        shares[depth] = (np.ptp(a, axis=1).max(1) == 0).mean()

    found = numbers("dead-units", measured)

    expected = {"five": shares[5], "ten": shares[10], "twenty": shares[20]}
    assert found == pytest.approx(expected, abs=0.05)


def test_zig_zag():
    """|Σ g| / Σ |g| is 1 for one sample behind sigmoids, whose outputs are all above 0."""
    inputs = sigmoid(np.random.default_rng(0).standard_normal(32))
    gradient = -0.3 * inputs

    assert abs(gradient.sum()) / np.abs(gradient).sum() == pytest.approx(1)
    assert abs(gradient @ np.sign(gradient)) == pytest.approx(0.3 * inputs.sum())


def test_every_number_of_a_topic_is_checked_or_comes_of_a_training():
    for topic in all_topics():
        claims = {number.claim for key, number in topic.numbers.items()
                  if key not in TRAINED.get(topic.name, set())}  # fmt: skip
        assert claims <= set(NEEDED), topic.name
