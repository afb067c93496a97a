"""`lifesigns.watch` and `lifesigns.check`, as a user calls them."""

import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import lifesigns
from lifesigns._errors import LifesignsError, UsageError
from lifesigns.commands.check import check as check_file
from lifesigns.store import read_findings, read_run


def doubled_softmax():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1))


def train(model, optimizer, steps=40):
    x, y = torch.randn(32, 4), torch.randint(0, 3, (32,))
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def test_a_block_is_watched_and_its_report_stays():
    model = doubled_softmax()

    with lifesigns.watch(model) as watcher:
        train(model, torch.optim.SGD(model.parameters(), 0.1))

    assert watcher.findings[0].rule == "doubled-softmax"
    assert watcher.trace.steps == 40
    assert watcher.report is watcher.detach()


def test_a_plain_object_watches_until_it_is_detached():
    model = doubled_softmax()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    watcher = lifesigns.watch(every=1)

    train(model, optimizer, steps=3)
    report = watcher.detach()
    train(model, optimizer, steps=3)

    assert report.trace.recorded_steps == watcher.trace.recorded_steps == 3


def test_an_exception_in_the_block_is_the_outcome_and_passes_through():
    with pytest.raises(KeyError), lifesigns.watch() as watcher:
        raise KeyError("the user's own")

    assert watcher.trace.info.outcome == "failed: KeyError"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "every=0"),
        ({"every": 1.5}, "every=1.5: expected a whole number"),
        ({"every": "3"}, "every='3'"),
        ({"every": True}, "every=True"),
        ({"budget": "1%"}, "budget='1%': expected a share"),
        ({"budget": float("nan")}, "budget=nan"),
        ({"optimizer": "adam"}, "optimizer: str given, a torch.optim.Optimizer expected"),
        ({"optimizer": 3}, "optimizer: int given"),
        ({"optimizer": [1]}, "optimizer: int given"),
        ({"select": ["dead-unit"]}, "Did you mean dead-units"),
        ({"ignore": 3}, "3 names no rule"),
        ({"budget": 0}, "budget=0"),
        ({"budget": 2}, "budget=2"),
        ({"model": "network"}, "expected a torch.nn.Module"),
    ],
)
def test_an_argument_out_of_range_says_what_was_expected(options, message):
    with pytest.raises(UsageError, match=message):
        lifesigns.watch(**options)


def test_a_saved_run_holds_what_was_found_live(tmp_path):
    model = doubled_softmax()

    with lifesigns.watch(model, save=tmp_path / "run.lifesigns") as watcher:
        train(model, torch.optim.SGD(model.parameters(), 0.1))

    stored = read_run(tmp_path / "run.lifesigns")
    assert read_findings(tmp_path / "run.lifesigns") == watcher.findings
    assert stored.losses.values.tolist() == watcher.trace.losses.values.tolist()
    assert stored.steps == 40


def test_a_run_file_where_none_can_be_is_refused_before_training(tmp_path):
    with pytest.raises(LifesignsError, match="nowhere"):
        lifesigns.watch(save=tmp_path / "nowhere" / "run.lifesigns")


def test_a_check_leaves_the_model_and_the_random_state_as_they_were():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    model.eval()
    model[0].weight.grad = torch.ones(8, 4)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    batch = torch.randn(16, 4), torch.randint(0, 3, (16,))
    random = torch.get_rng_state()

    lifesigns.check(model, batch, F.cross_entropy)

    assert torch.equal(torch.get_rng_state(), random)

    assert all(torch.equal(value, model.state_dict()[name]) for name, value in state.items())
    assert torch.equal(model[0].weight.grad, torch.ones(8, 4))
    assert model[3].weight.grad is None
    assert not any(module.training for module in model.modules())


X, Y = torch.linspace(-1, 1, 32).reshape(8, 4), torch.arange(8) % 3


class Counting(nn.Module):
    """Replaces a buffer at each pass, and changes another in place."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.register_buffer("replaced", torch.zeros(1))
        self.register_buffer("changed", torch.zeros(1))
        self.register_buffer("unset", None)

    def forward(self, x):
        self.replaced = self.replaced + 1
        self.unset = torch.ones(1)
        self.changed += 1
        return self.layer(x)


def test_a_check_restores_buffers_that_are_replaced():
    model = Counting()
    before = dict(model.named_buffers())

    lifesigns.check(model, (X, Y), F.cross_entropy)

    assert {name: id(b) for name, b in model.named_buffers()} == {
        n: id(b) for n, b in before.items()
    }
    assert [b.item() for b in before.values()] == [0, 0]
    assert model.unset is None


def test_a_check_leaves_gradients_outside_the_model_alone():
    weight, input_ = torch.ones(1, requires_grad=True), X.clone().requires_grad_()
    weight.grad = torch.full((1,), 7.0)

    lifesigns.check(nn.Linear(4, 3), (input_, Y), lambda out, y: F.cross_entropy(out * weight, y))

    assert weight.grad.item() == 7
    assert input_.grad is None


def test_a_check_makes_no_step_inside_backward():
    model, stepped = nn.Linear(4, 3), []
    handle = model.weight.register_post_accumulate_grad_hook(lambda _: stepped.append(True))

    lifesigns.check(model, (X, Y), F.cross_entropy)
    during_check = len(stepped)
    F.cross_entropy(model(X), Y).backward()

    assert (during_check, len(stepped)) == (0, 1)
    handle.remove()


def test_a_check_keeps_frozen_modules_in_evaluation_mode():
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3))
    model[1].eval()
    modes = []
    for module in (model[1], model[2]):
        module.register_forward_pre_hook(lambda module, _: modes.append(module.training))

    lifesigns.check(model, (X, Y), F.cross_entropy)
    lifesigns.check(model.eval(), (X, Y), F.cross_entropy)

    assert modes == [False, True, True, True]
    assert not any(module.training for module in model.modules())


@pytest.mark.parametrize(
    "loss_fn",
    [
        lambda out, y: F.cross_entropy(out.detach(), y),
        lambda out, y: torch.tensor(F.cross_entropy(out, y).item(), requires_grad=True),
    ],
)
def test_a_loss_that_leads_nowhere_is_an_error(loss_fn):
    report = lifesigns.check(nn.Linear(4, 3), (X, Y), loss_fn)

    assert not report.ok
    assert report.findings[0].rule == "zero-gradient"


def test_a_network_without_a_trainable_parameter_is_an_error():
    report = lifesigns.check(nn.Linear(4, 3).requires_grad_(False), (X, Y), F.cross_entropy)

    assert report.findings[0].rule == "zero-gradient"


def test_a_check_restores_what_it_borrowed_when_the_model_fails():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(5)).eval()
    model[0].weight.grad = torch.ones(3, 4)

    with pytest.raises(RuntimeError):
        lifesigns.check(model, (X, Y), F.cross_entropy)

    assert not model.training
    assert torch.equal(model[0].weight.grad, torch.ones(3, 4))


def test_a_check_restores_the_random_numbers_of_python_and_numpy():
    def noisy(out, y):
        return F.cross_entropy(out, y) * (1 + random.random() + np.random.rand())  # noqa: NPY002

    python, numpy = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002

    lifesigns.check(nn.Linear(4, 3), (X, Y), noisy)

    assert random.getstate() == python
    assert np.random.get_state()[1].tolist() == numpy  # noqa: NPY002


def test_a_check_takes_positional_and_named_inputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, left, right):
            return self.layer(left + right)

    x, y = torch.randn(8, 4), torch.randint(0, 3, (8,))

    for inputs in ((x, x), {"left": x, "right": x}):
        report = lifesigns.check(Two(), (inputs, y), F.cross_entropy)
        assert report.trace.snapshots[0].graph.sites[0].name == "layer:linear#0"


@pytest.mark.parametrize(
    ("batch", "loss_fn", "message"),
    [
        (torch.ones(2, 4), F.cross_entropy, "expected a pair"),
        ((torch.ones(2, 4), torch.tensor([0, 1])), lambda out, y: out, "expected a scalar"),
        ((torch.ones(2, 4), torch.tensor([0, 1])), lambda out, y: 3.0, "float"),
    ],
)
def test_a_check_says_what_is_wrong_with_what_it_was_given(batch, loss_fn, message):
    with pytest.raises(UsageError, match=message):
        lifesigns.check(doubled_softmax(), batch, loss_fn)


def test_a_file_is_checked_by_its_factory(tmp_path, capsys):
    (tmp_path / "made.py").write_text(
        "import torch\n"
        "def make():\n"
        "    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Softmax(1))\n"
        "    batch = torch.randn(8, 4), torch.randint(0, 3, (8,))\n"
        "    return model, batch, torch.nn.functional.cross_entropy\n"
    )

    code = check_file(f"{tmp_path / 'made.py'}:make", json_path=tmp_path / "report.json")

    assert code == 1
    assert "doubled-softmax" in capsys.readouterr().err
    assert "LOS001" in (tmp_path / "report.json").read_text()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("made.py", "FILE:FACTORY"),
        ("nowhere.py:make", "nowhere.py does not exist"),
        ("{file}:missing", "has no function missing"),
        ("{file}:number", "expected \\(model, batch, loss_fn\\)"),
    ],
)
def test_a_wrong_target_is_explained(tmp_path, target, message):
    file = tmp_path / "factories.py"
    file.write_text("def number():\n    return 3\n")

    with pytest.raises(UsageError, match=message):
        check_file(target.format(file=file))


def test_a_network_in_the_place_of_a_factory_is_said_to_be_one(tmp_path):
    file = tmp_path / "made.py"
    file.write_text("import torch\nm = torch.nn.Linear(2, 1)\n")

    with pytest.raises(UsageError, match="m is a network; expected a function returning"):
        check_file(f"{file}:m")
