"""Random numbers, samples and weights are the same in Python and in the page, to the last bit."""

import numpy as np
import pytest
from drawn import STARTS

from lifesigns.play.arithmetic import cos, log, sin
from lifesigns.play.generator import ORDER, Stream
from lifesigns.play.samples import CURVES, KEPT, PLANES, samples_of
from lifesigns.play.weights import initial_weights, widths

HIDDEN = [
    {"units": 5, "activation": "tanh"},
    {"units": 3, "activation": "maxout", "pieces": 3},
    {"units": 4, "activation": "relu"},
]


def test_uniform_and_normal_numbers_and_orders_are_the_same(engine):
    told = engine(
        """const stream = new engine.Stream(given.seed, given.purpose);
        const order = new Int32Array(100);
        stream.permute(order, 7);
        const each = (of) => Array.from({ length: 3000 }, (_, i) => of(i));
        const uniform = each((i) => stream.uniform(i, i % 5));
        return { uniform, normal: each((i) => stream.normal(i)), order };""",
        {"seed": 2**32 - 1, "purpose": ORDER},
    )
    stream, places = Stream(2**32 - 1, ORDER), np.arange(3000)
    assert told["uniform"] == stream.uniform(places, places % 5).tolist()
    assert told["normal"] == stream.normal(places).tolist()
    assert told["order"] == stream.permutation(100, 7).tolist()


def test_normal_numbers_are_normal():
    drawn = Stream(1, 2).normal(np.arange(20_000))

    assert abs(drawn.mean()) < 0.03
    assert abs(drawn.std() - 1) < 0.02
    assert abs(np.mean(np.abs(drawn) < 1) - 0.6827) < 0.01


def test_logarithm_and_trigonometry_are_those_of_numpy():
    x = np.linspace(0.001, 50, 5000)

    assert np.abs(log(x) - np.log(x)).max() < 1e-15
    assert np.abs(sin(x) - np.sin(x)).max() < 1e-14
    assert np.abs(cos(x) - np.cos(x)).max() < 1e-14


@pytest.mark.parametrize("name", [*PLANES, *CURVES, *KEPT])
def test_samples_are_the_same_bit_by_bit(engine, name):
    data = {"name": name, "samples": 61, "noise": 0.2, "standardise": name != "xor", "seed": 3}
    told = engine(
        "const { train, test } = engine.dataOf(engine.validated({ data: given, loss:"
        " engine.SOURCES[given.name].classes ? 'cross-entropy' : 'huber' }).setting);"
        "return [train.inputs, train.targets, test.inputs, test.targets];",
        data,
    )
    made = samples_of(data)
    ours = (made.inputs, made.targets, made.test_inputs, made.test_targets)
    assert [array.ravel().tolist() for array in ours] == told


@pytest.mark.parametrize("name", STARTS)
def test_initial_weights_are_the_same_bit_by_bit(engine, name):
    setting = {
        "data": {"name": "three-blobs"},
        "network": {"hidden": HIDDEN, "output": "linear"},
        "initialiser": {"name": name, "gain": 1.3, "bias": 0.25},
        "seed": 11,
    }
    told = engine(
        "return engine.startOf(engine.validated(given).setting).layers"
        ".map((layer) => [layer.weights, layer.biases]);",
        setting,
    )
    made = initial_weights(setting, 2, 3)
    assert [[weight.ravel().tolist(), bias.tolist()] for weight, bias in made] == told
    assert [w.shape for w, _ in made] == list(widths(setting, 2, 3))


def test_an_orthogonal_start_is_orthogonal():
    setting = {
        "network": {"hidden": [{"units": 9, "activation": "tanh"}], "output": "linear"},
        "initialiser": {"name": "orthogonal", "gain": 1, "bias": 0},
        "seed": 5,
    }
    (weight, _), _ = initial_weights(setting, 4, 0)
    assert np.abs(weight.T @ weight - np.eye(4)).max() < 1e-14
