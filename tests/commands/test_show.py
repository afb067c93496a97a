import io
import json
from dataclasses import replace

import numpy as np
import pytest

from lifesigns._errors import RunFileError
from lifesigns.commands.show import show
from lifesigns.records import RunInfo, Severity, SiteReading
from lifesigns.report import Report
from lifesigns.rules import judge
from lifesigns.rules.testing import chain, snapshot, sums, trace
from lifesigns.store import RunWriter, read_run

WIDTH = 16


def dying(command="train.py"):
    """A run whose hidden units are all dead from the second step on."""
    graph = chain("linear", "relu", "linear", units=WIDTH)
    silent = sums(np.zeros((64, WIDTH)))
    alive = sums(np.random.default_rng(0).random((64, WIDTH)))
    steps = [
        snapshot(graph, step=k, sites=[SiteReading(1, seen, alive, seen)])
        for k, seen in enumerate([alive, silent, silent, silent, silent])
    ]
    return trace(*steps, losses=[2.3] * 5, info=RunInfo(command), optimizers=("SGD",))


def save(path, run, findings=(), *, end=True):
    with RunWriter(path, run.info) as writer:
        for one in run.snapshots:
            writer.append(one)
        writer.losses(run.losses)
        writer.progress(run)
        if end:
            writer.finish(findings, "finished", cost=run.cost, steps=run.steps)
    return path


def printed(report):
    stream = io.StringIO()
    report.print(file=stream)
    return stream.getvalue()


def test_a_stored_run_is_reported_as_it_was_live(tmp_path, capsys):
    live = dying()
    findings = judge(live)
    path = save(tmp_path / "run.ls", live, findings)

    code = show(path, json_output=True)

    report = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [f["rule"] for f in report["findings"]] == [f.rule for f in findings]
    assert report["findings"] == Report(live, findings).to_json()["findings"]
    assert "dead-units" in [f["rule"] for f in report["findings"]]


def test_the_text_is_what_was_found_live_even_if_rules_have_changed_since(tmp_path, capsys):
    live = dying()
    older = replace(judge(live)[0], severity=Severity.ERROR, symptom="an older rule's words")
    path = save(tmp_path / "run.ls", live, (older,))

    show(path)

    out = capsys.readouterr().out
    assert "an older rule's words" in out
    assert out == printed(Report(read_run(path), (older,)))


def test_a_killed_run_is_judged_when_it_is_shown(tmp_path, capsys):
    path = save(tmp_path / "run.ls", dying(), end=False)

    show(path, json_output=True)

    found = [f["rule"] for f in json.loads(capsys.readouterr().out)["findings"]]
    assert found == [f.rule for f in judge(dying())]
    assert "dead-units" in found


def test_a_missing_run_is_an_error_and_prints_nothing(tmp_path, capsys):
    with pytest.raises(RunFileError, match="no run file"):
        show(tmp_path / "none.ls")

    assert capsys.readouterr().out == ""
