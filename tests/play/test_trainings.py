"""A training can be wound back, taken apart, and broken, and says what happened."""

import json

import drawn
import pytest

WHOLE = "const training = engine.startOf(engine.validated(given).setting);"
SQUARED = {"network": {"hidden": [{"units": 3, "activation": "squared_relu"}] * 2}}
DEEP = {"network": {"hidden": [{"units": 5, "activation": "relu"}] * 2}}


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam"])
def test_wound_back_it_goes_the_same_way_again(engine, name):
    there, again, losses, count = engine(
        WHOLE
        + """training.steps(500);
        const token = training.keep();
        training.steps(203);
        const there = training.parameters.slice();
        const losses = training.losses.slice(0, 703);
        training.back(137);
        const count = training.stepsMade;
        training.steps(500 - 137);
        training.back(token);
        training.steps(203);
        const same = losses.every((loss, i) => loss === training.losses[i]);
        return [there, training.parameters, same, count];
        """,
        {"optimizer": {"name": name, "momentum": 0.9, "rate": 0.02}, **DEEP},
    )
    assert there == again
    assert losses
    assert count == 137


def test_evidence_is_the_same_after_winding_back(engine):
    before, after = engine(
        WHOLE
        + """const told = () => JSON.stringify(engine.findings(training));
        training.steps(300);
        const before = told();
        training.back(100);
        training.steps(200);
        return [before, told()];""",
        {"initialiser": {"name": "zeros"}},
    )
    assert before == after
    assert "symmetric-units" in before


def test_a_batch_taken_apart_is_the_step_that_follows(engine):
    told = engine(
        WHOLE
        + """training.steps(7);
        const before = training.parameters.slice();
        const parts = engine.terms(training);
        const same = before.every((value, i) => value === training.parameters[i]);
        const loss = training.step();
        const after = training.layers.map((layer) => [layer.weights, layer.biases]);
        return { parts, same, loss, after };""",
        {"optimizer": {"name": "adam", "clip": 0.1}, **DEEP},
    )
    parts = told["parts"]
    assert told["same"]
    assert parts["step"] == 7
    assert parts["loss"] == told["loss"]
    assert [[u["weights"]["after"], u["biases"]["after"]] for u in parts["update"]] == told["after"]
    assert [part["layer"] for part in parts["backward"]] == [2, 1, 0]
    assert parts["clipped"] < 1
    hidden = parts["backward"][1]
    chain = [a * s for a, s in zip(hidden["da"], hidden["slope"], strict=True)]
    assert hidden["dz"] == chain


def test_one_sure_and_wrong_neuron_learns_by_cross_entropy_only(engine):
    at = {"w": 2, "b": 2, "x": 1, "y": 0}
    squared = engine("return engine.neuron(given, 'squared-error')", at)
    crossed = engine("return engine.neuron(given, 'cross-entropy')", at)

    assert squared["a"] == crossed["a"] == pytest.approx(0.98201379)
    assert crossed["dw"] == pytest.approx(0.98201379)
    assert squared["dw"] == pytest.approx(2 * 0.98201379 * 0.01766271, rel=1e-6)


@pytest.mark.parametrize(
    ("setting", "operation", "layer"),
    [
        ({"optimizer": {"rate": 1e9}, "initialiser": {"gain": 1000}}, "loss", 2),
        ({"network": {"hidden": [{"units": 3, "activation": "exp"}]}}, "activation", 0),
        ({"initialiser": {"name": "constant", "gain": 1000, "value": 1000}} | SQUARED, "sum", 1),
    ],
)
def test_a_run_that_breaks_says_where(engine, setting, operation, layer):
    big = {"name": "own", "csv": "1e147,1\n1e147,2\n3,4\n5,6", "standardise": False}
    base = {"loss": "squared-error", "data": {"name": "sine"} if operation == "loss" else big}
    broken, words = engine(
        WHOLE
        + """training.steps(200);
        const { broken } = training;
        const data = { ...broken, layer: broken.layer + 1 };
        const { said, BROKEN } = engine;
        const words = ["en", "zh"].map((each) => said(BROKEN[broken.operation], data, each));
        return [broken, words];""",
        base | DEEP | setting,
    )
    assert broken["operation"] == operation
    assert broken["layer"] == layer
    assert "{" not in "".join(words)
    assert f"layer {layer + 1}" in words[0] or operation == "loss"


def test_a_broken_run_can_be_wound_back(engine):
    steps, finite = engine(
        WHOLE
        + """training.steps(300);
        const { step } = training.broken;
        training.back(step - 1);
        const whole = training.broken === null && Number.isFinite(training.loss());
        return [[step, training.stepsMade], whole];""",
        {"data": {"name": "sine"}, "loss": "squared-error", "optimizer": {"rate": 10}, **DEEP},
    )
    assert steps[1] == steps[0] - 1
    assert finite


def test_500_settings_of_any_kind_neither_freeze_nor_raise(engine):
    """Each is trained and judged; those that break say why, and all losses before are finite."""
    settings = [drawn.setting(i, wild=True) for i in range(500)]
    told = engine(
        """const { said, FINDINGS, REMEDIES } = engine;
        return given.map((each) => {
            const { setting, errors } = engine.validated(each);
            if (!setting) throw Error(JSON.stringify(errors));
            const training = engine.startOf(setting);
            training.steps(25);
            const losses = training.losses.subarray(0, training.stepsMade);
            const found = engine.findings(training);
            const remedies = found.flatMap((finding) => finding.remedies);
            const words = [
                ...found.map(({ rule, data, step }) => said(FINDINGS[rule], { ...data, step })),
                ...remedies.map(({ word, data }) => said(REMEDIES[word], data)),
            ];
            const mended = remedies.flatMap((remedy) =>
                engine.validated(engine.applied(setting, remedy)).errors);
            const finite = losses.every(Number.isFinite);
            return { broken: training.broken, steps: training.stepsMade, finite, words, mended };
        });""",
        settings,
    )
    assert all(each["finite"] for each in told)
    assert all(each["broken"] or each["steps"] == 25 for each in told)
    broken = [each["broken"]["operation"] for each in told if each["broken"]]
    assert {"sum", "activation", "loss", "gradient", "update"} >= {*broken}
    assert 5 < len(broken) < 250
    assert "{" not in json.dumps([each["words"] for each in told])
    assert [each["mended"] for each in told if each["mended"]] == []


def test_what_a_training_says_of_its_samples_agrees_with_itself(engine):
    told = engine(
        WHOLE
        + """training.steps(100);
        const { data, units } = training;
        const { inputs, targets } = data.train;
        const said = training.predict(inputs);
        const maps = training.activations(inputs);
        const place = training.placeOf(1, "biases", 2);
        const value = training.parameters[place];
        const before = training.loss();
        const moved = training.lossWith([[place, value + 1]]);
        const after = training.loss();
        training.layers[1].biases[2] += 1;
        return { said, targets, units, maps, moves: [before, moved, after, training.loss()],
            rows: data.train.rows,
            layers: training.layers.map((layer) => layer.units) };""",
        {"data": {"name": "three-blobs", "noise": 0.6}, "steps": 100},
    )
    units, rows = told["units"], told["rows"]
    said = [told["said"][units * i : units * (i + 1)] for i in range(rows)]
    assert all(sum(row) == pytest.approx(1) for row in said)
    assert [len(values) for values in told["maps"]] == [rows * n for n in told["layers"]]
    before, moved, after, changed = told["moves"]
    assert before == after
    assert moved == changed != before


@pytest.mark.parametrize(
    ("setting", "least"),
    [
        ({"data": {"name": "blobs"}, "loss": "hinge"}, 0.95),
        ({"data": {"name": "blobs"}, "network": {"output": "sigmoid"}}, 0.95),
        ({"data": {"name": "iris"}, "loss": "squared-error"}, 0.9),
        ({"data": {"name": "line"}, "loss": "squared-error", "network": {"hidden": []}}, 0.9),
    ],
)
def test_what_is_learned_is_right_on_samples_held_out(engine, setting, least):
    train, test = engine(
        WHOLE + "training.steps(600); return [training.accuracy(), training.accuracy('test')];",
        {"optimizer": {"name": "adam", "rate": 0.02}} | setting,
    )
    assert least < train <= 1
    assert least - 0.1 < test <= 1
