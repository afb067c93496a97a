"""What the page hands over: scripts for PyTorch and designs for the lab."""

import csv
import io

import pytest
from scripted import close, repeated
from test_shared_cases import RUN

from lifesigns.lab.design.design import Design
from lifesigns.nets.data import load

BASE = {"steps": 60, "data": {"name": "circles", "samples": 60}}
LAYERS = [
    {"units": 4, "activation": "prelu", "slope": 0.1},
    {"units": 5, "activation": "maxout", "pieces": 3},
    {"units": 6, "activation": "squareplus"},
    {"units": 3, "activation": "rrelu"},
    {"units": 3, "activation": "leaky_relu", "slope": 0.3},
]
SETTINGS = {
    "every kind of layer": {"network": {"hidden": LAYERS, "output": "linear"}},
    "momentum, clipping, a cosine": {
        "optimizer": {"name": "momentum", "rate": 0.3, "momentum": 0.9, "clip": 0.2}
        | {"schedule": "cosine", "decay": 0.01}
    },
    "Adam, warmed up, probabilities": {
        "data": {"name": "three-blobs", "samples": 50},
        "network": {"hidden": [{"units": 4, "activation": "gelu"}], "output": "sigmoid"},
        "optimizer": {"name": "adam", "rate": 0.05, "schedule": "warm-up"},
    },
    "hinge, whole batches, steps": {
        "loss": "hinge",
        "batch": 1000,
        "data": {"name": "three-blobs", "samples": 50, "standardise": False},
        "optimizer": {"schedule": "step"},
    },
    "a curve of one's own, and its scale": {
        "data": {"name": "own", "csv": "a;y\n" + "\n".join(f"{i},5;{i * i}" for i in range(40))},
        "loss": "huber",
    },
    "three samples": {
        "data": {"name": "own", "csv": "1,0\n2,1\n3,1", "standardise": False},
        "network": {"hidden": [], "output": "sigmoid"},
        "loss": "squared-error",
    },
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_script_reproduces_the_final_loss(engine, name):
    told = engine(RUN, BASE | SETTINGS[name])
    left, _ = repeated(told["script"])

    assert len(left["losses"]) == BASE["steps"]
    assert all(map(close, told["losses"], left["losses"]))
    assert close(told["whole"], left["training_loss"])


def test_a_script_is_plain_python_within_100_columns(engine):
    told = engine(RUN, BASE | SETTINGS["every kind of layer"])
    code = [line for line in told["script"].splitlines() if not line.startswith("# The setting")]

    assert max(map(len, code)) <= 100
    assert "lifesigns." not in told["script"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ["lab-two-outputs", "lab-seed"]),
        ({"data": {"name": "iris"}}, ["lab-seed"]),
        (
            {
                "data": {"name": "three-blobs", "standardise": False},
                "network": {"hidden": LAYERS[:2], "output": "softmax"},
                "optimizer": {"clip": 1, "schedule": "cosine"},
                "initialiser": {"gain": 2},
            },
            [
                *("lab-activations", "lab-slope", "lab-output", "lab-initialiser"),
                *("lab-clip", "lab-schedule", "lab-raw", "lab-seed"),
            ],
        ),
    ],
)
def test_a_design_of_the_lab_names_what_it_leaves_out(engine, tmp_path, monkeypatch, change, said):
    told = engine(
        "const made = engine.labDesign(engine.validated(given).setting);"
        "return { ...made, words: made.left.map((word) => engine.LEFT[word]) };",
        BASE | change,
    )
    assert told["left"] == said
    assert all(word["en"] and word["zh"] for word in told["words"])
    (tmp_path / "design.toml").write_text(told["toml"])
    if told["csv"]:
        (tmp_path / "samples.csv").write_text(told["csv"])
    monkeypatch.chdir(tmp_path)
    from lifesigns._files import read_toml

    design = Design.from_dict(read_toml(tmp_path / "design.toml"))
    samples = load(design.data)
    assert samples.classes in (2, 3)
    if told["csv"]:
        assert len(list(csv.reader(io.StringIO(told["csv"])))) == 1 + len(samples.inputs) + len(
            samples.test_inputs
        )
