"""Each benchmark runs to its end, says how long it takes, and prints its rows one by one."""

import subprocess
import sys
from pathlib import Path

import pytest

from lifesigns.rules import all_rules

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SMALL = {
    "overhead.py": (["--smoke"], "small transformer"),
    "activations.py": (["--pairs", "1"], "relu"),
    "judge.py": (["--snapshots", "100"], "healthy"),
    "lab.py": (["--quick", "--only", "2-8"], "2-8-8-2, batch 32"),
    "live.py": (["--smoke"], "writing the run file"),
    "placebo.py": (["--smoke"], "another seed"),
    "blind.py": (["--only", "urban_sound"], "urban_sound_classifier"),
    "starting.py": (["--quick"], "trains 20 steps"),
    "prove.py": (["--only", "decay_that", "--orders", "none", "--pairs", "1"], "decay_that_wins"),
}


def run(name, *arguments):
    command = [sys.executable, str(BENCHMARKS / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.sampled(name, ())) for name in SMALL]
)
def test_a_benchmark_runs_to_its_end(name):
    arguments, row = SMALL[name]

    process = run(name, *arguments)

    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("This takes about ")
    assert f"\n{row}" in process.stdout
    assert process.stderr == ""  # progress is for terminals


@pytest.mark.parametrize("name", SMALL)
def test_every_benchmark_has_a_quick_form(name):
    assert "--quick" in run(name, "--help").stdout


def test_each_blind_program_has_its_cure_and_rules_that_name_its_fault(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import blind

    found = blind.pairs()

    assert sorted(pair.name for pair in found) == sorted(p.stem for p in blind.FOLDER.glob("*.py"))
    for pair in found:
        compile(pair.cured, pair.name, "exec")
    assert {cause for pair in found for cause in pair.causes} <= {r.name for r in all_rules()}


@pytest.fixture
def rows(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import rows

    return rows


def test_a_section_of_a_page_is_replaced_and_the_rest_stays(rows, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- end a -->\nafter\n")

    rows.write_section(page, "a", "new")

    assert page.read_text() == "before\n<!-- a -->\n\nnew\n\n<!-- end a -->\nafter\n"


def test_a_page_without_the_section_is_refused(rows, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing")

    with pytest.raises(ValueError, match="has no section a"):
        rows.write_section(page, "a", "new")


@pytest.mark.parametrize(
    ("page", "sections"),
    [
        ("cost.md", ("machine", "idle", "recorded", "budgets")),
        ("prove.md", ("published", "own", "placebo")),
    ],
)
def test_a_page_has_every_section_that_is_written(page, sections):
    page = (BENCHMARKS.parent / "docs" / page).read_text(encoding="utf-8")

    for name in sections:
        assert f"<!-- {name} -->" in page
        assert f"<!-- end {name} -->" in page
