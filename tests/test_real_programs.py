"""Real faulty programs and their cures, where the collection is at hand."""

import json
from pathlib import Path

import pytest

CASES = Path(__file__).parents[2] / "shared" / "cases"

pytestmark = pytest.mark.skipif(
    not (CASES / "case.py").is_file(), reason=f"the collection of cases is not at {CASES}"
)


@pytest.fixture
def alarms(forked, tmp_path):
    def run(*arguments):
        report = tmp_path / "report.json"
        command = ["run", "--json", report, CASES / "case.py", *arguments, "--steps", "300"]
        done = forked(*command)
        assert done.returncode == 0, done.stderr
        found = json.loads(report.read_text())["findings"]
        return [finding["rule"] for finding in found if finding["severity"] != "note"]

    return run


@pytest.mark.parametrize(
    ("case", "rule"),
    [("tdc-regr-softmax_out", "single-unit-softmax"), ("ips-5", "loss-diverges")],
)
def test_a_faulty_program_is_named_and_its_cure_is_quiet(alarms, case, rule):
    assert rule in alarms(case)
    assert alarms(case, "--fixed") == []
