"""Adding an activation touches the catalogue and, for the lab's C program, its header."""

import pytest
from copied import Copy

from lifesigns.lab.engines.c import building

ENTRIES = """
FAMILY += (
    Activation(
        "steep_softplus",
        "log(1 + exp(4x)) / 4",
        lambda x: softplus(4 * x) / 4,
        lambda x: sigmoid(4 * x),
        about="A softplus that bends four times as fast.",
        source="this test",
        code="nn.Softplus(beta=4)",
    ),
    Activation(
        "erf",
        "erf(x)",
        np.vectorize(math.erf, otypes=[float]),
        lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x),
        about="Twice a normal probability less one.",
        source="this test",
    ),
)
"""
IN_C = """
static inline vec activation_steep_softplus(vec z, vec *slope) {
    return activation_softplus(4 * z, slope) / 4;
}
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of lifesigns whose catalogue and whose C header have the new activation."""
    copy = Copy(tmp_path_factory.mktemp("extended"))
    copy.append("functions/activations/smooth.py", ENTRIES)
    header = "lab/engines/c/activations.h"
    copy.replace(header, " X(mish)\n", " X(mish) X(steep_softplus)\n")
    copy.replace(header, "\nenum { PIECES", f"{IN_C}\nenum {{ PIECES")
    return copy


def test_its_facts_and_gain_are_computed_and_the_table_shows_it(extended):
    extended.python(
        "-c",
        """
import math
from lifesigns.functions import ACTIVATIONS, gain
from lifesigns.report.functions import ENTRIES

new = ACTIVATIONS["steep_softplus"]

assert (new.low, new.max_derivative, new.saturates_low, new.saturates_high) == (0, 1, True, False)
assert math.isclose(new.facts.flat_below, -math.log(99) / 4)
assert math.isclose(gain("steep softplus", backward=True), new.facts.backward_gain)
assert 1.2 < gain("SteepSoftplus") < math.sqrt(2)
assert ENTRIES["steep_softplus"] is new
""",
    )
    table = extended.python("-c", "from lifesigns.commands.functions import functions; functions()")
    assert "steep_softplus" in table
    assert "erf" in table


def test_the_recorder_reads_an_operation_that_only_the_catalogue_names(extended):
    extended.python(
        "-c",
        """
import torch
from torch import nn
from lifesigns import watch
from lifesigns.records import Kind

model = nn.ModuleList([nn.Linear(3, 3, bias=False), nn.Linear(3, 1)])
nn.init.eye_(model[0].weight)
x = torch.tensor([[0.0, 1.0, 5.0], [-5.0, -1.0, 5.0]])
model.forward = lambda x: model[1](torch.erf(model[0](x)))
with watch(model, every=1) as watcher:
    model(x).sum().backward()

(taken,) = watcher.trace.snapshots
index = taken.graph.find(":erf#0")
assert taken.graph.sites[index].kind is Kind.ACTIVATION
found = taken.reading(index)
assert found.value.saturated.tolist() == [1, 0, 2], found.value
assert found.input_gradient.saturated.tolist() == [1, 0, 2], found.input_gradient
assert abs(found.value.maximum[1] - torch.erf(torch.tensor(1.0)).item()) < 1e-6
""",
    )


@pytest.mark.parametrize(
    "suite",
    [
        "functions/test_activations.py",
        pytest.param(
            "lab/compiled/test_trainer.py",
            marks=pytest.mark.skipif(building.compiler() is None, reason="there is no C compiler"),
        ),
    ],
)
def test_the_suites_of_the_catalogue_and_of_the_lab_find_and_pass_it(extended, suite):
    """The lab's suite trains it with torch's operations and with the C program."""
    assert len(extended.passed(suite, "steep_softplus")) >= 2
