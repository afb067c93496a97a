"""What the commands that read a run print with `--lang zh`, and what they write for other programs.

`compare`, `prove` and `rerun` are walked beside their own tests, the pages in the browser's.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest
from called import call
from english import english

from lifesigns.evidence import Run
from lifesigns.integrations import _tracker
from lifesigns.locale.spoken import speaking
from lifesigns.records import RunInfo
from lifesigns.report.github import to_github
from lifesigns.report.sarif import to_sarif
from lifesigns.rules import built_in_rules, find_rule
from lifesigns.store import RunWriter

NET = """
import torch
from torch import nn

def make():
    net = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 1), nn.Sigmoid())
    for parameter in net.parameters():
        nn.init.zeros_(parameter)
    torch.manual_seed(0)
    return net, (1e4 * torch.randn(32, 4), 1e3 * torch.randn(32, 1)), nn.MSELoss()
"""
CODE = {
    line.strip()
    for rule in built_in_rules()
    for case in rule.cases
    for found in rule.judge(Run.of(case.trace()))
    for remedy in found.remedies
    for line in remedy.code.splitlines()
}


def found_by(rule):
    trace = next(case.trace() for case in rule.cases if case.fires)
    return trace, [*rule.judge(Run.of(trace))]


@pytest.fixture
def said(monkeypatch, capsys):
    """What a command prints, and what of it is English."""

    def calling(*arguments):
        call(monkeypatch, *map(str, arguments), "--lang", "zh")
        out = capsys.readouterr()
        text = out.out + out.err
        lines = [line for line in text.splitlines() if line.strip() not in CODE]
        return text, [line for line in lines if english(line)]

    return calling


@pytest.fixture
def run(tmp_path):
    """The file of a run that ended with alarms."""
    trace, _ = found_by(find_rule("loss-flat"))
    with RunWriter(tmp_path / "run.lifesigns", RunInfo("train.py")) as writer:
        for snapshot in trace.snapshots:
            writer.append(snapshot)
        writer.losses(trace.losses)
        writer.progress(trace)
        writer.finish((), "finished", cost=trace.cost, steps=trace.steps)
    return tmp_path / "run.lifesigns"


def test_check(said, tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)

    text, left = said("check", "net.py:make", "--output-format", "github")

    assert "\n::" in text
    assert left == []


def test_show(said, run):
    text, left = said("show", run, "--ignore", "ACT001", "--output-format", "github")

    assert "OPT003 loss-flat" in text
    assert left == []


def test_play(said, tmp_path):
    assert said("play", "-o", tmp_path / "play.html", "--no-open")[1] == []


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_live(said, run, monkeypatch, host):
    """As far as its page is opened, which ends it here."""
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")

    def end(address):
        raise KeyboardInterrupt

    monkeypatch.setattr("lifesigns.commands.live.give_way", lambda: None)
    monkeypatch.setattr("lifesigns.commands.live.webbrowser.open", end)

    with ThreadPoolExecutor(1) as thread:  # in this one a browser of other tests may run its loop
        text, left = thread.submit(said, "live", run, "--host", host, "--open").result()

    assert "实时网页" in text
    assert left == []


@pytest.mark.parametrize("rule", built_in_rules(), ids=lambda rule: rule.name)
def test_what_other_programs_are_told_of(rule):
    """Annotations, SARIF and trackers; ids and places stay."""
    trace, found = found_by(rule)

    with speaking("zh"):
        marks = to_github(trace, found).split("\n")
        (told,) = to_sarif(trace, found)["runs"]
        tracked = [line for each in found for line in _tracker.whole(each).split("\n")]

    described = told["tool"]["driver"]["rules"]
    texts = [each["message"]["text"] for each in told["results"]]
    texts += [each[part]["text"] for each in described for part in
              ("shortDescription", "fullDescription")]  # fmt: skip
    assert [text for text in (*marks, *texts, *tracked) if english(text)] == []
    assert all(mark.startswith("::") for mark in marks[:-1])
    assert {each["ruleId"] for each in told["results"]} == {rule.code}
