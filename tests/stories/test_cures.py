"""From symptom to cure: the advice of a finding makes a network learn, and its code does it."""

import ast
import re
import textwrap
from dataclasses import replace

import pytest

import lifesigns
from lifesigns.commands.demo import FAULTS, run

RECIPES = {fault.name: fault.recipe for fault in FAULTS}


def with_network(fault, **changes):
    recipe = RECIPES[fault]
    return replace(recipe, network=replace(recipe.network, **changes))


@pytest.mark.parametrize(
    ("fault", "advice", "cured"),
    [
        ("zero-init", "random", with_network("zero-init", initialiser="he_normal")),
        ("dead-relu", "learning rate tenfold", replace(RECIPES["dead-relu"], learning_rate=0.5)),
        ("saturated", "gain / √fan-in", with_network("saturated", initialiser="glorot_uniform")),
        ("double-softmax", "as it is", with_network("double-softmax", output_activation=None)),
        ("linear", "activation between", with_network("linear", activation="relu")),
        (
            "mse-sigmoid",
            "cross-entropy",
            replace(
                with_network("mse-sigmoid", output_activation=None), loss="binary_cross_entropy"
            ),
        ),
    ],
)
def test_following_a_root_cause_cures_the_network(fault, advice, cured):
    spoilt = next(f for f in FAULTS if f.name == fault)

    before, after = run([spoilt, replace(spoilt, recipe=cured)], seed=0)

    roots = [alarm for alarm in before.alarms if not alarm.explained_by]
    assert advice in " ".join(root.remedies[0].text for root in roots)
    assert after.report.ok, after.report
    assert after.accuracy > 0.8 > before.accuracy


# --- the code that a finding shows ----------------------------------------------------------------

PROGRAM = """
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
x, y = (torch.tensor(a) for a in load_digits(return_X_y=True))
x = x_train = x.float() / 16
width, outputs = 64, 10
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, outputs))
activation = nn.Identity()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
for rows in torch.randint(len(x), (120, 64)):
    logits = logit = model(x[rows])
    output = probabilities = activation(logits)
    target = y[rows]
    loss = F.cross_entropy(output, target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def spoilt(*edits):
    """The program with pieces of it replaced."""
    source = PROGRAM
    for old, new in edits:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source


def alarms(source):
    with lifesigns.watch(every=5, strict=True) as watcher:
        exec(compile(source, "program", "exec"), {})
    return [f for f in watcher.report.findings if f.severity.value != "note"]


def after(line):
    """Puts the code on lines of its own behind a line of the program, indented like it."""

    def applied(source, code):
        indent = " " * (len(line) - len(line.lstrip()))
        assert source.count(f"{line}\n") == 1, line
        return source.replace(f"{line}\n", f"{line}\n{textwrap.indent(code, indent)}\n")

    return applied


def twice(apply):
    """As the remedy says: "twice if need be"."""
    return lambda source, code: apply(source, f"{code}\n{code}")


def instead_of(old):
    """Replaces an expression or a statement of the program by the code, without its comments."""

    def applied(source, code):
        assert old in source, old
        return source.replace(old, "\n".join(re.sub(r"\s*#.*", "", c) for c in code.splitlines()))

    return applied


def for_each_layer(source, code):
    """Runs the code for every linear layer of the finished model."""
    loop = "for layer in (m for m in model if isinstance(m, nn.Linear)):\n"
    return after("activation = nn.Identity()")(source, loop + textwrap.indent(code, "    "))


IDENTITY = "activation = nn.Identity()"
ADAM = "optimizer = torch.optim.Adam(model.parameters(), lr=0.003)"
LOSS = "    loss = F.cross_entropy(output, target)"
LAYERS = "nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, outputs))"
DEEP = ", ".join(["nn.Linear(64, 64), nn.Sigmoid()"] * 7)
ONE_OUTPUT = ("outputs = 64, 10", "outputs = 64, 1")
DATA = "x = x_train = x.float() / 16"


def rate(number):
    return "lr=0.003", f"lr={number}"


def output(name):
    return IDENTITY, f"activation = nn.{name}"


def targets(code):
    return DATA, f"{DATA}\ny = {code}"


def before_the_optimizer(code):
    return IDENTITY, f"{code}\n{IDENTITY}"


def loss(code):
    return LOSS, f"    loss = {code}"


OWN_ENTROPY = "-probabilities.log()[range(64), target].mean()"
BINARY = "F.binary_cross_entropy_with_logits(output, target)"
SINGLE = "F.binary_cross_entropy(output.squeeze(1), target.float())"
PLAIN = (ADAM, ADAM.replace("Adam", "SGD").replace("0.003", "0.2"))


CURES = {
    "a rate that kills": ("dead-units", 0, after(ADAM.replace("0.003", "0.3")), rate(0.3)),
    "units that can die": ("dead-units", 1, instead_of("nn.ReLU()"), rate(0.3)),
    "a rate too low": ("loss-flat", 0, twice(after(ADAM.replace("0.003", "1e-06"))), rate("1e-06")),
    "zero weights": (
        "symmetric-units",
        0,
        for_each_layer,
        before_the_optimizer("for p in model.parameters():\n    nn.init.zeros_(p)"),
    ),
    "softmax twice": (
        "doubled-softmax",
        0,
        instead_of(LOSS.strip()),
        output("Softmax(1)"),
        PLAIN,
    ),
    "sigmoid twice": (
        "doubled-sigmoid",
        0,
        instead_of(f"loss = {BINARY}"),
        output("Sigmoid()"),
        ONE_OUTPUT,
        targets("(y > 7).float().unsqueeze(1)"),
        loss(BINARY),
    ),
    "softmax of one unit": (
        "single-unit-softmax",
        0,
        instead_of(f"loss = {SINGLE}"),
        output("Softmax(1)"),
        ONE_OUTPUT,
        targets("y % 2"),
        loss(SINGLE),
    ),
    "shapes that broadcast": (
        "broadcast-loss",
        1,
        after("    target = y[rows]"),
        ONE_OUTPUT,
        targets("y.float()"),
        loss("((output - target) ** 2).mean()"),
    ),
    "frozen layers": (
        "detached-parameters",
        0,
        for_each_layer,
        before_the_optimizer(
            "model[0].requires_grad_(False)\nmodel[2].weight.requires_grad_(False)"
        ),
    ),
    "an optimizer of old layers": (
        "detached-parameters",
        0,
        after(f"model = {LAYERS}  # anew"),
        (ADAM, f"{ADAM}\nmodel = {LAYERS}  # anew"),
    ),
    "a gradient that vanishes": (
        "vanishing-gradient",
        0,
        instead_of("nn.Sigmoid()"),
        (LAYERS, f"nn.Sequential({DEEP}, nn.Linear(64, outputs))"),
        PLAIN,
    ),
    "a logarithm of zero": (
        "non-finite-origin",
        0,
        instead_of(f"loss = {OWN_ENTROPY}"),
        (DATA, DATA.replace("/ 16", "* 1e3")),
        output("Softmax(1)"),
        loss(OWN_ENTROPY),
    ),
    "inputs too small": (
        "loss-flat",
        0,
        after(DATA.replace("16", "16e4")),
        ("/ 16", "/ 16e4"),
        PLAIN,
    ),
    "an output out of reach": (
        "output-cannot-reach-target",
        1,
        after("y = y.float().unsqueeze(1) - 20"),
        (f"{LAYERS[:-1]}", f"{LAYERS[:-1]}, nn.Sigmoid()"),
        ONE_OUTPUT,
        targets("y.float().unsqueeze(1) - 20"),
        loss("F.mse_loss(output, target)"),
    ),
}


@pytest.mark.parametrize(
    ("rule", "remedy", "apply", "edits"),
    [
        pytest.param(rule, remedy, apply, edits, id=name)
        for name, (rule, remedy, apply, *edits) in CURES.items()
    ],
)
def test_the_code_of_a_finding_cures_what_it_found(rule, remedy, apply, edits):
    program = spoilt(*edits)

    (found, *_) = [f for f in alarms(program) if f.rule == rule]
    code = found.remedies[remedy].code
    ast.parse(code)

    assert [f.rule for f in alarms(apply(program, code)) if f.rule == rule] == []
