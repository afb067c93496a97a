"""The activations of the page are those of the catalogue: read from its own formulas."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from lifesigns._errors import UsageError
from lifesigns.functions import ACTIVATIONS, modules
from lifesigns.play import table
from lifesigns.play.expression import JAVASCRIPT, Symbol, read, written

GRID = np.concatenate([np.linspace(-12, 12, 481), [-700.0, -60.0, 60.0, 700.0]])
NAMES = [entry.name for entry in table.elementwise()]


@pytest.mark.parametrize("name", NAMES)
def test_value_and_derivative_are_those_of_python(engine, name):
    told = engine(
        """const { values, slopes, slope } = engine.ACTIVATIONS[given.name];
        const at = Float64Array.from(given.grid);
        const [a, d] = [new Float64Array(at.length), new Float64Array(at.length)];
        values(at, a, at.length, slope);
        slopes(at, d, at.length, slope);
        return [a, d];""",
        {"name": name, "grid": GRID.tolist()},
    )
    entry = ACTIVATIONS[name]
    for got, wanted in zip(told, (entry.value(GRID), entry.derivative(GRID)), strict=True):
        np.testing.assert_allclose([float(x) for x in got], wanted, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_script_writes_is_the_same_function(name):
    code = table.torch_code(ACTIVATIONS[name])
    x = torch.from_numpy(GRID)
    known = {"nn": nn, "torch": torch}
    if "module" in code:
        learned = {"nn.PReLU": "nn.PReLU(init=0.25, dtype=torch.double)"}
        slope = table._slope(ACTIVATIONS[name])
        leaky = {"nn.LeakyReLU": f"nn.LeakyReLU({slope})"}
        module = eval((learned | leaky).get(code["module"], code["module"]), known)
        got = module(x)
    else:
        body = "\n".join(f"    {line}" for line in code["lines"])
        exec(f"def of(x):\n{body}", known)
        got = known["of"](x)
    tolerance = 1e-7 if name == "hardsigmoid" else 1e-13  # torch's 1/6 is a float32
    np.testing.assert_allclose(
        got.detach(), ACTIVATIONS[name].value(GRID), rtol=tolerance, atol=1e-12
    )


def test_all_elementwise_activations_of_torch_and_lifesigns_are_there(engine):
    told = engine("return Object.keys(engine.ACTIVATIONS)")

    assert told == NAMES
    assert {"relu", "tanh", "sigmoid", "gelu", "silu", "selu", "snake", "squareplus"} <= {*told}
    assert set(modules.__all__) > {"SquaredReLU", "Squareplus"}


def test_a_new_activation_is_written_from_its_formula():
    lines, text = written(
        np.where(Symbol() > 2, np.tanh(Symbol()) ** 2, -np.abs(Symbol())),
        JAVASCRIPT,
        "const {name} = {value};",
    )
    assert (lines, text) == (
        ["const t1 = Math.tanh(x);"],
        "((x > 2) ? (t1 * t1) : (-Math.abs(x)))",
    )


@pytest.mark.parametrize(
    ("formula", "told"),
    [(lambda x: np.add.reduce(x), "np.add.reduce"), (lambda x: np.sort(x), "np.sort")],
)
def test_a_formula_that_cannot_be_read_is_refused(formula, told):
    with pytest.raises(UsageError, match=told):
        formula(Symbol())


def test_a_formula_that_calls_other_code_is_refused_with_the_next_step():
    with pytest.raises(UsageError, match=r"Make a ufunc of it, np\.frompyfunc"):
        read(np.vectorize(math.erf, otypes=[float]))


def test_the_error_function_is_that_of_python(engine):
    grid = np.linspace(-8, 28, 721).tolist()
    told = engine("return [given.map(engine.erf), given.map(engine.erfc)]", grid)

    np.testing.assert_allclose(told[0], [math.erf(x) for x in grid], rtol=1e-15, atol=0)
    np.testing.assert_allclose(told[1], [math.erfc(x) for x in grid], rtol=1e-12, atol=1e-300)


def test_an_operation_without_words_is_refused():
    with pytest.raises(UsageError, match="arcsinh, which cannot be written"):
        written(np.arcsinh(Symbol()), JAVASCRIPT, "")


def test_thresholds_are_those_of_the_rules(engine):
    from lifesigns.evidence.thresholds import DEAD_SHARE, LARGE_UPDATE
    from lifesigns.rules import find_rule

    told = engine("return [engine.THRESHOLDS, engine.RULES]")
    assert (told[0]["DEAD_SHARE"], told[0]["LARGE_UPDATE"]) == (DEAD_SHARE, LARGE_UPDATE)
    assert list(told[1]) == [r for r in told[1] if r in table.RULES]
    assert len(told[1]) == len(table.RULES)
    for name, rule in told[1].items():
        assert rule["thresholds"] == find_rule(name).thresholds
        assert rule["title"]["zh"] != rule["title"]["en"]
