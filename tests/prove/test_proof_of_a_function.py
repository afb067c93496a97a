"""`lifesigns.proof` and `lifesigns prove FILE:FUNCTION`: a training that is a function."""

import importlib.util

import pytest

import lifesigns
from lifesigns._errors import UsageError
from lifesigns.prove.arm import IN_AN_ARM
from lifesigns.prove.arms import Arms
from lifesigns.prove.asked import asked_for
from lifesigns.prove.front import proof
from lifesigns.prove.treatment import Treatment

TRAINING = """
import torch
from own_data import samples

class Net(torch.nn.Linear):
    pass

def train():
    torch.manual_seed(0)
    x, y = samples()
    net = Net(2, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    for _ in range(5):
        loss = torch.nn.functional.mse_loss(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("called as", __name__)

def with_rate(rate):
    train()

RATE = 0.1
if __name__ == "__main__":
    raise SystemExit("run as a script")
"""
DATA = "import torch\n\ndef samples():\n    return torch.rand(20, 2), torch.rand(20, 1)\n"


@pytest.fixture
def trainings(project):
    """A file of the user, imported."""
    path = project / "mine.py"
    path.write_text(TRAINING)
    (project / "own_data.py").write_text(DATA)
    spec = importlib.util.spec_from_file_location("mine", path)
    return spec, importlib.util.module_from_spec(spec)


@pytest.mark.parametrize(
    ("name", "hint"), [("trian", "Did you mean train?"), ("xyz", "Give one that trains")]
)
def test_a_function_that_the_file_has_not_is_named_before_anything_runs(
    trainings, monkeypatch, project, name, hint
):
    monkeypatch.chdir(project)

    with pytest.raises(UsageError, match=rf"mine.py has no function {name}\. {hint}"):
        asked_for(f"mine.py:{name}", [], False)


def test_a_function_that_comes_from_elsewhere_may_be_there(trainings, monkeypatch, project):
    monkeypatch.chdir(project)
    (project / "other.py").write_text("from mine import *\nrun = lambda: train()\n")

    assert asked_for("other.py:train", [], False)[0].function == "train"
    assert asked_for("mine.py:samples", [], False)[0].function == "samples"


@pytest.fixture
def mine(trainings, project, monkeypatch):
    spec, module = trainings
    monkeypatch.syspath_prepend(str(project))
    spec.loader.exec_module(module)
    return module


def test_a_function_is_called_in_its_file_and_its_source_can_be_patched(mine, monkeypatch, project):
    program, recorded = asked_for("mine.py:train", [], module=False)
    text = (project / "mine.py").read_text().replace("RATE = 0.1", "RATE = 0.2")
    patch = {str(project / "mine.py"): text}

    plain, patched = Arms(program, 120.0).train([Treatment(), Treatment(0, patch)], every=1)

    assert recorded is None
    assert program.name == "train of mine.py"
    assert "called as mine" in plain.end.output
    assert (plain.how, plain.trace.steps) == ("finished", 5)
    assert plain.trace.losses.values[1] != patched.trace.losses.values[1]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("with_rate", "with_rate needs rate: expected"), ("Net", "train is Net: expected a function")],
)
def test_what_is_no_training_is_refused(mine, name, reason):
    with pytest.raises(UsageError, match=reason):
        lifesigns.proof(getattr(mine, name))


def test_a_function_within_another_is_refused():
    with pytest.raises(UsageError, match="expected a function at the top of a file"):
        proof(lambda: None)


def test_a_training_that_proves_itself_is_told_how_to(mine, monkeypatch):
    monkeypatch.setenv(IN_AN_ARM, "1")

    with pytest.raises(UsageError, match="if __name__ == '__main__'"):
        proof(mine.train)
