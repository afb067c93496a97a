"""Every example runs by itself and under `lifesigns run`, and prints the same both times."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_learns_alone_and_unchanged_under_lifesigns(script, tmp_path):
    report = tmp_path / "report.json"
    watching = ["-m", "lifesigns", "run", "--every", "10", "--json", str(report)]

    alone, watched = start(script), start(*watching, script)
    (printed, _), (printed_watched, explained) = alone.communicate(), watched.communicate()

    assert (alone.returncode, watched.returncode) == (0, 0), explained
    assert printed == printed_watched
    accuracy = float(re.findall(r"accuracy on held-out digits: ([\d.]+)", printed)[-1])
    assert accuracy > 0.9
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["recorded_steps"] > 1
    assert [f["rule"] for f in found["findings"] if f["severity"] != "note"] == []
    assert explained.strip()


def start(*arguments):
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, *map(str, arguments)], text=True, **pipes)
