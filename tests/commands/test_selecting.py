"""`--select`, `--ignore`, `--sarif` and `[tool.lifesigns]`, as a user meets them."""

import json

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


@pytest.fixture
def report(script, forked):
    """Watches the script with options; returns the process and its report, if it wrote one."""

    def run(*options):
        out = script.with_name("report.json")
        process = forked("run", "--json", out, *options, script, cwd=script.parent)
        return process, json.loads(out.read_text()) if out.exists() else None

    return run


def rules(body):
    return {finding["rule"] for finding in body["findings"]}


def test_an_ignored_rule_is_silent_and_counted(report):
    process, body = report("--ignore", "doubled-softmax,LOS005")

    assert "doubled-softmax" not in rules(body)
    assert body["ignored"]["doubled-softmax"] == 1
    assert "doubled-softmax (1)" in process.stderr


def test_only_selected_rules_are_asked(report):
    _, body = report("--select", "LOS001")

    assert rules(body) == {"doubled-softmax"}


def test_the_projects_file_is_obeyed_and_the_command_line_goes_before_it(script, report):
    project = script.with_name("pyproject.toml")
    project.write_text('[tool.lifesigns]\nignore = ["doubled-softmax"]\nevery = 7\n')

    _, by_file = report()
    _, by_hand = report("--ignore", "dead-units")

    assert "doubled-softmax" not in rules(by_file)
    assert by_file["recorded_steps"] == 9
    assert "doubled-softmax" in rules(by_hand)


def test_an_unknown_rule_ends_before_the_script_starts(report):
    process, body = report("--select", "dubled-softmax")

    assert process.returncode == 2
    assert "Did you mean doubled-softmax" in " ".join(process.stderr.split())
    assert body is None


def test_sarif_is_written_beside_the_report(report, tmp_path):
    report("--sarif", tmp_path / "r.sarif")

    document = json.loads((tmp_path / "r.sarif").read_text())
    assert "LOS001" in {result["ruleId"] for result in document["runs"][0]["results"]}


def test_a_page_is_written_beside_the_report(report, tmp_path):
    report("--html", tmp_path / "r.html")

    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert '"rule":"doubled-softmax"' in page
