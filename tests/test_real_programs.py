"""Real faulty programs and their cures, where the collection is at hand."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).parents[2] / "shared" / "cases"

pytestmark = pytest.mark.skipif(
    not (CASES / "case.py").is_file(), reason=f"the collection of cases is not at {CASES}"
)


def alarms(folder, *arguments):
    report = folder / "report.json"
    command = [sys.executable, "-m", "lifesigns", "run", "--json", report, CASES / "case.py"]
    done = subprocess.run(
        [*map(str, command), *arguments, "--steps", "300"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(report.read_text())["findings"]
    return [finding["rule"] for finding in found if finding["severity"] != "note"]


@pytest.mark.parametrize(
    ("case", "rule"),
    [("tdc-regr-softmax_out", "single-unit-softmax"), ("ips-5", "loss-diverges")],
)
def test_a_faulty_program_is_named_and_its_cure_is_quiet(tmp_path, case, rule):
    assert rule in alarms(tmp_path, case)
    assert alarms(tmp_path, case, "--fixed") == []
