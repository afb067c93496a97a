"""`lifesigns.watch` and `lifesigns.check`, as a user calls them."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import lifesigns
from lifesigns._errors import LifesignsError, UsageError
from lifesigns.check import check_file
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
        ("nowhere.py:make", "no such file"),
        ("{file}:missing", "has no function missing"),
        ("{file}:number", "expected \\(model, batch, loss_fn\\)"),
    ],
)
def test_a_wrong_target_is_explained(tmp_path, target, message):
    file = tmp_path / "factories.py"
    file.write_text("def number():\n    return 3\n")

    with pytest.raises(UsageError, match=message):
        check_file(target.format(file=file))
