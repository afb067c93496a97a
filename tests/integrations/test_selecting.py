"""`--select`, `--ignore`, `--sarif` and `[tool.lifesigns]`, as a user meets them."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import torch
torch.manual_seed(0)
x, y = torch.randn(64, 8), torch.randint(0, 3, (64,))
model = torch.nn.Sequential(torch.nn.Linear(8, 3), torch.nn.Softmax(1))
sgd = torch.optim.SGD(model.parameters(), 0.1)
for _ in range(60):
    sgd.zero_grad()
    torch.nn.functional.cross_entropy(model(x), y).backward()
    sgd.step()
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    return path


def report(script, *options):
    out = script.with_name("report.json")
    command = [sys.executable, "-m", "lifesigns", "run", "--json", out, *options, script]
    process = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return process, json.loads(out.read_text()) if out.exists() else None


def rules(body):
    return {finding["rule"] for finding in body["findings"]}


def test_an_ignored_rule_is_silent_and_counted(script):
    process, body = report(script, "--ignore", "doubled-softmax,LOS005")

    assert "doubled-softmax" not in rules(body)
    assert body["ignored"]["doubled-softmax"] == 1
    assert "doubled-softmax (1)" in process.stderr


def test_only_selected_rules_are_asked(script):
    _, body = report(script, "--select", "LOS001")

    assert rules(body) == {"doubled-softmax"}


def test_the_projects_file_is_obeyed_and_the_command_line_goes_before_it(script):
    project = script.with_name("pyproject.toml")
    project.write_text('[tool.lifesigns]\nignore = ["doubled-softmax"]\nevery = 7\n')

    _, by_file = report(script)
    _, by_hand = report(script, "--ignore", "dead-units")

    assert "doubled-softmax" not in rules(by_file)
    assert by_file["recorded_steps"] == 9
    assert "doubled-softmax" in rules(by_hand)


def test_an_unknown_rule_ends_before_the_script_starts(script):
    process, body = report(script, "--select", "dubled-softmax")

    assert process.returncode == 2
    assert "Did you mean doubled-softmax" in " ".join(process.stderr.split())
    assert body is None


def test_sarif_is_written_beside_the_report(script, tmp_path):
    report(script, "--sarif", tmp_path / "r.sarif")

    document = json.loads((tmp_path / "r.sarif").read_text())
    assert "LOS001" in {result["ruleId"] for result in document["runs"][0]["results"]}
