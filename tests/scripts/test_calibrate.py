"""scripts/calibrate: how programs lie around a threshold, and a real run of it."""

import importlib.machinery
import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lifesigns.evidence import Threshold
from lifesigns.evidence.numbers import named_thresholds
from lifesigns.evidence.thresholds import CALIBRATED, JUDGED, PATIENCE, RELATED
from lifesigns.rules import testing as example
from lifesigns.store import RunWriter

SCRIPT = Path(__file__).parents[2] / "scripts/calibrate"
LIMIT = Threshold(0.5, "share of a layer", CALIBRATED)
PAGE = Path(__file__).parents[2] / "docs/calibration.md"
NAMED = {n: t for n, t in named_thresholds().items() if t.source.startswith(CALIBRATED)}


@pytest.fixture(scope="module")
def calibrate():
    loader = importlib.machinery.SourceFileLoader("calibrate", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("calibrate", loader))
    sys.modules["calibrate"] = module  # dataclasses look their module up there
    loader.exec_module(module)
    yield module
    del sys.modules["calibrate"]


def a_trace(losses):
    graph = example.chain("linear", "relu", "linear/1", "mse_loss", batch=32)
    return example.trace(example.snapshot(graph), losses=losses)


def stored(folder, group, name, losses):
    (folder / group).mkdir(exist_ok=True)
    (folder / group / f"{name}.pickle").write_bytes(pickle.dumps(a_trace(losses)))


def compared(calibrate, learn, fail):
    row = calibrate.Comparisons(LIMIT, "rules.here.check")
    for group, values in (("learn", learn), ("fail", fail)):
        row.seen[group] = [
            calibrate.Extremes(f"{group}{i}", least, largest)
            for i, (least, largest) in enumerate(values)
        ]
    return row


def cells(page, start):
    (line,) = [line for line in page.splitlines() if line.startswith(f"| `{start}")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_the_failing_side_is_where_more_failing_programs_lie(calibrate):
    high = compared(calibrate, learn=[(0.1, 0.4), (0.2, 0.3)], fail=[(0.1, 0.9), (0.2, 0.7)])
    low = compared(calibrate, learn=[(0.6, 0.9)], fail=[(0.1, 0.8)])

    assert (high.above, high.side) == (True, "above")
    assert (low.above, low.side) == (False, "below")
    assert compared(calibrate, learn=[(0.6, 0.9)], fail=[(0.6, 0.9)]).side == "neither"


def test_of_each_program_the_value_farthest_on_that_side_counts(calibrate):
    row = compared(calibrate, learn=[(0.1, 0.4)], fail=[(0.2, 0.9), (0.3, 0.7)])

    assert row.values("fail", above=True) == [(0.7, "fail1"), (0.9, "fail0")]
    assert row.values("fail", above=False) == [(0.2, "fail0"), (0.3, "fail1")]


def test_the_margin_is_that_of_the_nearest_program_on_the_wrong_side(calibrate):
    wrong = compared(calibrate, learn=[(0.1, 0.49), (0.1, 0.6), (0.1, 0.8)], fail=[(0, 0.9)] * 2)
    right = compared(calibrate, learn=[(0.1, 0.3), (0.1, 0.4)], fail=[(0, 0.9)])

    assert calibrate._line(wrong)[4:] == [
        "2 of 3 learn, 2 of 2 fail",
        "0.6, 20% beyond (learn1)",
    ]
    assert calibrate._line(right)[4:] == ["0 of 2 learn, 1 of 1 fail", "0.4, 20% away (learn1)"]


def test_stored_runs_are_judged_and_shown_around_calibrated_thresholds_only(calibrate, tmp_path):
    for i in range(2):
        stored(tmp_path, "learn", f"falls{i}", list(np.geomspace(1, 0.01, 300 + i)))
    stored(tmp_path, "fail", "flat", [1.0] * 200)
    trace = a_trace([1.0] * 100)
    with RunWriter(tmp_path / "fail" / "from-a-run-file.run", trace.info) as writer:
        writer.losses(trace.losses)
        for snapshot in trace.snapshots:
            writer.append(snapshot)
    (tmp_path / "fail" / "broken.pickle").write_bytes(b"")

    rows, programs = calibrate.collect(calibrate.runs(tmp_path))
    page = calibrate.page(rows, programs)

    assert programs == {"learn": 2, "fail": 2}
    assert {row.threshold for row in rows} >= {JUDGED, PATIENCE}
    assert all(row.threshold is not RELATED for row in rows), "Cohen's, not ours"
    assert "2 programs that learn and 2 that fail" in page
    assert cells(page, "evidence.course.judged")[:2] == ["neither", "300 · 300 · 301"]
    assert f"= {PATIENCE:g}\n\nUnit: {PATIENCE.meaning}." in page
    assert "## Not reached" in page


@pytest.mark.parametrize("name", NAMED)
def test_what_is_called_calibrated_stands_on_the_page_with_its_present_value(name):
    heading = f"## `{name}` = {NAMED[name]:g}\n"

    assert heading in PAGE.read_text(encoding="utf-8"), "run scripts/calibrate"


def test_a_folder_without_runs_says_what_is_expected(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, "--traces", tmp_path, "--doc", tmp_path / "page.md"],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert "learn/ and fail/" in done.stderr
    assert not (tmp_path / "page.md").exists()


def test_it_trains_programs_and_keeps_their_runs(tmp_path):
    page, kept = tmp_path / "page.md", tmp_path / "runs"
    command = [SCRIPT, "--own", "--only", "softmax_of_one_unit", "--doc", page, "--keep", kept]

    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, cwd=tmp_path
    )

    assert done.returncode == 0, done.stderr
    assert [path.name for path in (kept / "learn").iterdir()] == ["softmax_of_one_unit-cured.run"]
    assert [path.name for path in (kept / "fail").iterdir()] == ["softmax_of_one_unit.run"]
    assert "1 programs that learn and 1 that fail" in page.read_text()
