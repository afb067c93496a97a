"""The page's steps are torch's: losses and weights, for settings of all kinds."""

import math

import drawn
import pytest
import repeated

STEPS = 200
GROUP = 10
CLOSE = 1e-9
RUN = """return given.map((each) => {
    const { setting, errors } = engine.validated(each);
    if (!setting) throw Error(JSON.stringify(errors));
    const training = engine.startOf(setting);
    training.steps(200);
    const losses = training.losses.subarray(0, training.stepsMade);
    return { losses, parameters: training.parameters, broken: training.broken };
});"""


def _off(got, wanted, least):
    return max(abs(a - b) / max(abs(b), least) for a, b in zip(got, wanted, strict=True))


@pytest.mark.parametrize(
    "group",
    [pytest.param(i, marks=pytest.mark.sampled(f"settings {i}", ()), id=str(i)) for i in range(20)],
)
def test_200_steps_are_those_of_torch_in_double_precision(engine, group):
    """Relative to the number, or to 0.01 where it is smaller."""
    settings = [drawn.setting(GROUP * group + i) for i in range(GROUP)]
    for setting, told in zip(settings, engine(RUN, settings), strict=True):
        if told["broken"]:
            losses, _ = repeated.trained(setting, told["broken"]["step"] + 2)
            assert not math.isfinite(losses[-1])
            continue
        losses, parameters = repeated.trained(setting, STEPS)
        assert len(told["losses"]) == STEPS
        assert _off(told["losses"], losses, 0.01) < CLOSE, setting
        assert _off(told["parameters"], parameters, 0.01) < CLOSE, setting


def test_every_activation_start_loss_and_optimizer_is_among_the_settings():
    settings = [drawn.setting(i) for i in range(20 * GROUP)]
    hidden = [layer for s in settings for layer in s["network"]["hidden"]]
    assert {layer["activation"] for layer in hidden} == set(drawn.ACTIVATIONS)
    assert {s["initialiser"]["name"] for s in settings} == set(drawn.STARTS)
    assert {s["loss"] for s in settings} == set(drawn.LOSSES)
    assert {s["optimizer"]["name"] for s in settings} == set(drawn.OPTIMIZERS)
    assert {s["network"]["output"] for s in settings} == {"linear", "sigmoid", "softmax"}


DIFFERENCES = """return given.map((each) => {
    const training = engine.startOf(engine.validated(each).setting);
    training.steps(3);
    training.compute();
    const exact = training.gradients.slice();
    const scale = Math.max(...exact.map(Math.abs), 1e-3);
    let worst = 0;
    for (let place = 0; place < exact.length; place += Math.ceil(exact.length / 40)) {
        const value = training.parameters[place];
        const step = 1e-5;
        const at = (by) => {
            training.parameters[place] = value + by * step;
            return training.compute();
        };
        const slope = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step);
        training.parameters[place] = value;
        worst = Math.max(worst, Math.abs(slope - exact[place]) / scale);
    }
    return worst;
});"""
SMOOTH = ["tanh", "sigmoid", "gelu", "silu", "elu", "selu", "softplus", "sin", "squareplus", "mish"]


def _smooth(number):
    """Without kinks, at which no difference is a derivative."""
    setting = drawn.setting(number)
    hidden = [{"units": 5, "activation": SMOOTH[(number + i) % len(SMOOTH)]} for i in range(2)]
    return setting | {"network": setting["network"] | {"hidden": hidden}}


def test_gradients_are_those_of_finite_differences(engine):
    settings = [_smooth(i) for i in range(24) if drawn.setting(i)["loss"] != "hinge"]
    assert max(engine(DIFFERENCES, settings)) < 1e-6


@pytest.mark.parametrize(
    ("module", "right", "wrong"),
    [
        ("table.js", "(0.5 * (1 + Math.tanh((0.5 * (-x)))))", "(0.501 * (1 + Math.tanh(-x / 2)))"),
        ("losses.js", "g[i] = (2 * (o[i] - t[i]))", "g[i] = (1.999 * (o[i] - t[i]))"),
        (
            "network.js",
            "before[from + i] += g * weights",
            "before[from + i] += 1.001 * g * weights",
        ),
    ],
    ids=["of an activation", "of a loss", "of a layer"],
)
def test_a_wrong_derivative_is_found(load, modules, module, right, wrong):
    mutated = modules[module].replace(right, wrong)
    assert mutated != modules[module]
    engine = load({module: mutated})
    settings = [
        {
            "loss": "squared-error",
            "network": {"hidden": [{"units": 4, "activation": "sigmoid"}] * 2},
        }
    ]
    assert max(engine(DIFFERENCES, settings)) > 1e-5
