import io

import pytest
import torch
from rich.console import Console

from lifesigns._errors import UsageError
from lifesigns.commands.demo import FAULTS, Digits, demo, run
from lifesigns.nets import train


@pytest.fixture(scope="module")
def outcomes():
    return {outcome.fault.name: outcome for outcome in run(FAULTS, seed=0)}


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("zero-init", "symmetric-units"),
        ("dead-relu", "rate-too-high"),
        ("saturated", "gain-mismatch"),
        ("double-softmax", "doubled-softmax"),
        ("linear", "linear-collapse"),
    ],
)
def test_each_fault_is_named_first_by_its_own_rule(outcomes, fault, rule):
    assert outcomes[fault].alarms[0].rule == rule


def test_a_rate_too_high_explains_the_dead_units(outcomes):
    explained = {f.rule: f.explained_by for f in outcomes["dead-relu"].alarms}

    assert explained["dead-units"] == "rate-too-high"


def test_weights_too_large_explain_the_saturated_units(outcomes):
    explained = {f.rule: f.explained_by for f in outcomes["saturated"].alarms}

    assert explained["saturated-units"] == "gain-mismatch"


def test_squared_error_on_sure_sigmoids_has_two_root_causes(outcomes):
    """Either cure helps: a loss without the slope, or weights that do not saturate the outputs."""
    roots = [f.rule for f in outcomes["mse-sigmoid"].alarms if not f.explained_by]

    assert roots == ["gain-mismatch", "squared-error-on-saturated-output"]


def test_the_healthy_network_learns_and_raises_no_alarm(outcomes):
    healthy = outcomes["none"]

    assert healthy.alarms == []
    assert healthy.accuracy > 0.9


def test_every_fault_costs_accuracy(outcomes):
    healthy = outcomes["none"].accuracy
    faulty = [o.accuracy for name, o in outcomes.items() if name != "none"]

    assert max(faulty) < healthy - 0.2


def test_watching_changes_neither_weights_nor_accuracy(outcomes):
    fault = FAULTS[-1]
    digits = Digits.load(seed=0)
    torch.manual_seed(0)
    model = fault.recipe.network.build()
    sgd = torch.optim.SGD(model.parameters(), lr=fault.recipe.learning_rate)

    unwatched = list(train(fault.recipe, model, sgd, digits.inputs, digits.labels))

    assert outcomes["none"].report.trace.losses.values.tolist() == unwatched


def test_held_out_digits_are_not_trained_on():
    digits = Digits.load(seed=0)

    assert (len(digits.inputs), len(digits.held_out_inputs)) == (1400, 397)
    pictures = torch.cat([digits.inputs, digits.held_out_inputs])
    assert len(pictures.unique(dim=0)) == 1797


def test_one_fault_prints_its_whole_report_and_the_accuracy():
    console = Console(file=io.StringIO(), width=80)

    code = demo("zero-init", console=console)

    printed = console.file.getvalue()
    assert code == 0
    assert "symmetric-units" in printed
    assert "Accuracy on held-out digits: 0." in printed


def test_without_a_name_all_seven_come_as_one_table():
    console = Console(file=io.StringIO(), width=80)

    demo(console=console)

    printed = console.file.getvalue()
    assert [fault.name for fault in FAULTS if fault.name not in printed] == []
    assert max(map(len, printed.splitlines())) <= 80


def test_an_unknown_fault_is_answered_with_those_there_are():
    with pytest.raises(UsageError, match=r"zero-init, dead-relu, .*none"):
        demo("zero")
