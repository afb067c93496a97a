"""scripts/score: what it counts, what it says when the cases are absent, and a real run."""

import importlib.machinery
import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/score"


@pytest.fixture(scope="module")
def score():
    loader = importlib.machinery.SourceFileLoader("score", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("score", loader))
    sys.modules["score"] = module  # dataclasses look their module up there
    loader.exec_module(module)
    yield module
    del sys.modules["score"]


def cost(training=2.0, first=0.01, idle=0.004, recordings=0.006):
    parts = {"first_steps": first, "idle_steps": idle, "recordings": recordings}
    return {"training": training, "watching": sum(parts.values()), **parts}


def row(score, name, group, alarms=(), *, causes=("lr_too_high",), cured=False, seed=0, **paid):
    job = score.Job(name, group, cured, causes, seed, ())
    made = [{"rule": rule, "causes": list(named)} for rule, *named in alarms]
    return score.Row(job, made, seconds=2.0, steps=100, cost=cost(**paid))


def cells(page, start):
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {start}")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_it_counts_detection_false_alarms_and_causes(score):
    page = score.page(
        [
            row(score, "a", "A", [("loss-flat", "lr_too_high")]),
            row(score, "b", "A", [("dead-units", "dead_relu"), ("loss-flat", "lr_too_high")]),
            row(score, "c", "A"),
            row(score, "a", "A", cured=True),
            row(score, "d", "control-healthy", [("dead-units", "dead_relu")]),
        ]
    )

    assert cells(page, "published, fail") == ["2 of 3 (67%)", "1 of 3 (33%)", "2 of 3 (67%)"]
    assert cells(page, "published, learn") == ["1 of 2 (50%)", "", ""]
    assert cells(page, "`loss-flat`") == ["2", "0", "100%", "1", "2"]
    assert cells(page, "`dead-units`") == ["1", "1", "50%", "1", "0"]
    assert "### Not found\n\n- c: nothing" in page
    assert "### False alarms\n\n- d: dead-units" in page
    assert "### Another cause first\n\n- b: dead-units, loss-flat" in page


def test_a_symptom_counts_as_the_cause_only_where_no_cause_is_known(score):
    alarms = [("dead-units", "dead_relu")]

    both = row(score, "a", "A", alarms, causes=("dead_relu", "lr_too_high"))
    alone = row(score, "b", "A", alarms, causes=("dead_relu",))

    assert not both.names_the_cause(1)
    assert alone.names_the_cause(1)


def test_a_tag_that_leaves_two_causes_open_is_each_of_them(score, tmp_path):
    case = {"id": "a", "kind": "faulty", "tier": "A-fails", "fixed": None}
    listed = json.dumps([{**case, "tags": ["dead_relu", "exploding_or_vanishing"]}])
    (tmp_path / "dev.json").write_text(listed)
    (tmp_path / "case.py").touch()

    jobs = score.published(tmp_path, steps=10, seeds=2)

    assert [job.causes for job in jobs] == [("dead_relu", "exploding", "vanishing")] * 2


def test_what_watching_cost_is_told_apart_for_programs_that_train_longer_than_a_second(score):
    page = score.page(
        [
            row(score, "short", "A", training=0.1),
            row(score, "long", "A", training=2.0),
            row(score, "longer", "A", training=4.0),
            row(score, "longest", "A", training=8.0),
        ]
    )

    assert cells(page, "all")[:2] == ["4", "0.75%"]
    shares = ["3", "0.50%", "0.50%", "0.25%", "0.10%", "0.15%"]
    assert cells(page, "trained > 1 s") == shares


def test_without_a_report_nothing_is_said_of_the_cost(score):
    job = score.Job("a", "A", False, (), 0, ())

    assert "## Cost" not in score.page([score.Row(job, error="no end after 1 s")])


def test_seeds_agree_where_they_name_one_leading_cause(score):
    said = {"a": ("lr_too_high", "lr_too_high"), "b": ("lr_too_high", "bad_init")}

    page = score.page(
        [
            row(score, name, "A", [("loss-flat", cause)], seed=seed)
            for name, causes in said.items()
            for seed, cause in enumerate(causes)
        ]
    )

    assert "2 seeds agree on the leading cause in 1 of 2 (50%)" in page


def test_without_the_published_cases_it_says_what_to_do(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, "--cases", tmp_path], capture_output=True, text=True
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"score: there are no published cases in {tmp_path}")
    assert "--cases" in done.stderr


def test_it_runs_programs_and_writes_the_page_and_every_result(tmp_path):
    page, results = tmp_path / "scores.md", tmp_path / "scores.json"
    command = [SCRIPT, "--own", "--only", "softmax_of_one_unit", "--doc", page, "--out", results]

    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, cwd=tmp_path
    )

    assert done.returncode == 0, done.stderr
    assert cells(page.read_text(), "own, fail") == ["1 of 1 (100%)"] * 3
    assert cells(page.read_text(), "own, cured") == ["0 of 1 (0%)", "", ""]
    assert [r["job"]["cured"] for r in json.loads(results.read_text())] == [False, True]


def test_a_stored_run_is_judged_and_only_what_is_missing_is_trained(tmp_path):
    page, results, runs = tmp_path / "scores.md", tmp_path / "scores.json", tmp_path / "runs"
    only = ["--own", "--only", "softmax_of_one_unit"]
    stores = [SCRIPT.with_name("calibrate"), *only, "--keep", runs, "--doc", tmp_path / "unused.md"]
    subprocess.run([sys.executable, *map(str, stores)], check=True, capture_output=True)
    (runs / "learn" / "softmax_of_one_unit-cured.run").unlink()

    judges = [SCRIPT, *only, "--runs", runs, "--doc", page, "--out", results]
    done = subprocess.run([sys.executable, *map(str, judges)], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert cells(page.read_text(), "own, fail") == ["1 of 1 (100%)"] * 3
    was_trained = [math.isfinite(row["seconds"]) for row in json.loads(results.read_text())]
    assert was_trained == [False, True]
