"""The pytest plugin, used by small test files as a project would use it."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch._dynamo  # here: pytester forgets what is imported first within it
import torch.nn.functional as F
from torch import nn

from lifesigns._files import read_toml
from lifesigns.testing import assert_can_learn

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
BATCH = torch.linspace(-1, 1, 32).reshape(8, 4), torch.arange(8) % 3
TRAINING = """
import pytest, torch
import torch.nn.functional as F
from torch import nn

def train(*last, steps=12):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3), *last)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    x = torch.randn(32, 4)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x), x[:, :3].argmax(1)).backward()
        optimizer.step()
"""


@pytest.fixture
def run(pytester):
    """Runs the tests in a text; the plugin is there once, installed or not."""

    def call(text):
        pytester.makepyfile(TRAINING + text)
        plugin = ("-p", "no:lifesigns", "-p", "lifesigns.testing.plugin")
        return pytester.runpytest_inprocess(*plugin, "--strict-markers", "-p", "no:xdist")

    return call


def network(*last):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), *last)


def test_a_network_that_can_learn_passes_and_stays_as_it_was():
    model = network().eval()

    assert_can_learn(model, BATCH, F.cross_entropy)

    assert all(p.grad is None for p in model.parameters())
    assert not model.training


def test_the_message_names_rule_place_and_remedy():
    with pytest.raises(AssertionError) as failure:
        assert_can_learn(network(nn.Softmax(1)), BATCH, F.cross_entropy)

    message = str(failure.value)
    assert message.startswith("may not learn as it stands: 1 warning")
    assert "warning LOS001 doubled-softmax" in message
    assert "where     3:softmax#0" in message
    assert "do first  Hand the last layer's output to the loss as it is" in message
    assert "loss = F.cross_entropy(logits, target)" in message
    assert "lifesigns explain doubled-softmax" in message


def test_rules_are_left_out_by_argument_and_by_the_settings_of_the_project(tmp_path, monkeypatch):
    assert_can_learn(network(nn.Softmax(1)), BATCH, F.cross_entropy, ignore=["LOS001"])

    (tmp_path / "pyproject.toml").write_text('[tool.lifesigns]\nignore = ["doubled-softmax"]\n')
    monkeypatch.chdir(tmp_path)
    assert_can_learn(network(nn.Softmax(1)), BATCH, F.cross_entropy)


def test_a_marked_test_fails_by_what_it_trains(run):
    result = run("""
@pytest.mark.lifesigns
def test_healthy():
    train()

@pytest.mark.lifesigns(every=1)
def test_faulty():
    train(nn.Softmax(1))

@pytest.mark.lifesigns(ignore=["doubled-softmax", "stopped-early"])
def test_ignored():
    train(nn.Softmax(1))

@pytest.mark.lifesigns
def test_failing_by_itself():
    train(nn.Softmax(1))
    assert False, "its own"

def test_unmarked():
    train(nn.Softmax(1))
""")

    result.assert_outcomes(passed=3, failed=2)
    result.stdout.fnmatch_lines(["*AssertionError: may not learn as it stands*"])
    result.stdout.fnmatch_lines(["*where     3:softmax#0, step 0"])
    result.stdout.fnmatch_lines(["*its own*"])


def test_the_fixture_watches_and_leaves_the_verdict_to_the_test(run):
    result = run("""
def test_it(training_watch):
    train(nn.Softmax(1))
    assert [f.rule for f in training_watch.findings] == ["doubled-softmax"]
    assert training_watch.trace.steps == 12
""")

    result.assert_outcomes(passed=1)


def test_the_plugin_is_registered_and_imports_nothing_heavy():
    (name,) = read_toml(PYPROJECT)["project"]["entry-points"]["pytest11"].values()
    code = f"import sys, {name}; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
