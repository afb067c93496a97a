import json
import re

import pytest

from lifesigns._errors import RunFileError, UsageError
from lifesigns.commands import report as command
from lifesigns.commands.report import report
from lifesigns.records import Cost, RunInfo, SiteReading
from lifesigns.rules.testing import chain, snapshot, sums
from lifesigns.store import RunWriter, news

GRAPH = chain("linear", "relu", "linear", "mse_loss", units=4)


def step(number):
    return snapshot(GRAPH, step=number, sites=[SiteReading(1, sums([[0.0, 1.5, 2.0, 3.0]]))])


def begun(path, steps=3):
    writer = RunWriter(path, RunInfo("train.py"))
    for number in range(steps):
        writer.append(step(number))
    return writer


def finish(writer, outcome="finished"):
    writer.finish((), outcome, cost=Cost(), steps=9)
    writer.close()


def document_in(page):
    text = re.search(r'id="document">(.*?)</script>', page.read_text(encoding="utf-8"), re.S)
    return json.loads(text[1])


def test_the_page_holds_the_document_of_the_run(tmp_path):
    finish(begun(tmp_path / "a.run"))

    code = report(tmp_path / "a.run", tmp_path / "page.html")

    made = document_in(tmp_path / "page.html")
    assert code == 0
    assert (made["run"]["status"], made["run"]["snapshots"]) == ("finished", 3)
    assert made["report"]["command"] == "train.py"


def test_a_page_of_ours_is_replaced_and_no_other_file_is(tmp_path):
    finish(begun(tmp_path / "a.run"))
    (tmp_path / "theirs.html").write_text("<p>my diary</p>")

    report(tmp_path / "a.run", tmp_path / "page.html")
    report(tmp_path / "a.run", tmp_path / "page.html")
    with pytest.raises(UsageError, match="no report of lifesigns"):
        report(tmp_path / "a.run", tmp_path / "theirs.html")

    assert (tmp_path / "theirs.html").read_text() == "<p>my diary</p>"


def test_the_run_file_is_not_written_over(tmp_path):
    finish(begun(tmp_path / "a.run"))

    with pytest.raises(UsageError):
        report(tmp_path / "a.run", tmp_path / "a.run")


def test_what_is_no_run_file_is_refused_and_no_page_appears(tmp_path):
    (tmp_path / "a.run").write_text("nothing")

    with pytest.raises(RunFileError):
        report(tmp_path / "a.run", tmp_path / "page.html")

    assert not (tmp_path / "page.html").exists()


def test_the_page_is_rewritten_until_the_run_has_ended(tmp_path, monkeypatch):
    writer, seen, page = begun(tmp_path / "a.run"), [], tmp_path / "page.html"

    def train_on(seconds):
        made = document_in(page)["run"]
        seen.append((seconds, made["status"], made["snapshots"]))
        writer.append(step(3 + len(seen)))
        if len(seen) == 2:
            finish(writer, "interrupted")

    monkeypatch.setattr(command.time, "sleep", train_on)
    monkeypatch.setattr(news, "is_abandoned", lambda path: False)  # our own locks are not seen
    report(tmp_path / "a.run", page, every=30)

    assert seen == [(30, "running", 3), (30, "running", 4)]
    assert document_in(page)["run"]["status"] == "interrupted"
    assert document_in(page)["run"]["snapshots"] == 5


def test_standard_output_is_not_written_again_and_again(tmp_path):
    finish(begun(tmp_path / "a.run"))

    with pytest.raises(UsageError, match="give a file"):
        report(tmp_path / "a.run", command._outputs.STDOUT, every=30)


def test_a_run_that_nobody_writes_any_more_was_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(news, "is_abandoned", lambda path: True)
    writer = begun(tmp_path / "a.run")

    report(tmp_path / "a.run", tmp_path / "page.html", every=30)

    writer.close()
    assert document_in(tmp_path / "page.html")["run"]["status"] == "killed"
