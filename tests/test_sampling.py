"""A sample of the slow suites covers everything, is repeatable, and says what it leaves out."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sampling import SHARE, choose

SUITE = """
import pytest

def units(name):
    for unit in range(40):
        covers = {unit % 4, "last"} if unit == 39 else {unit % 4}
        yield pytest.param(unit, marks=pytest.mark.sampled(f"unit {unit}", covers))

@pytest.mark.parametrize("unit", units("a"))
def test_a(unit): pass

@pytest.mark.parametrize("unit", units("b"))
def test_b(unit): pass

def test_of_no_suite(): pass
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs the suite above in a process of its own."""
    path = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    pytester.makepyfile(SUITE)
    return lambda *options: pytester.runpytest_subprocess("-p", "sampling", "-rA", *options)


def passed(result):
    lines = [line for line in result.outlines if line.startswith("PASSED")]
    return sorted(line.rpartition("::")[2] for line in lines)


@given(
    st.dictionaries(st.text(max_size=3), st.frozensets(st.integers(0, 9), max_size=4)),
    st.integers(),
)
def test_whatever_the_seed_the_chosen_units_cover_what_all_units_cover(covered, seed):
    chosen = choose(covered, seed)

    assert chosen <= set(covered)
    assert set().union(*(covered[u] for u in chosen)) == set().union(*covered.values())
    assert len(chosen) >= round(SHARE * len(covered))
    assert choose(dict(reversed(covered.items())), seed) == chosen


def test_every_unit_gets_its_turn():
    covered = {f"unit {n}": {n % 3} for n in range(30)}

    turns = [choose(covered, seed) for seed in range(100)]

    assert set().union(*turns) == set(covered)


def test_tests_of_a_unit_run_together_beside_those_of_no_suite(run):
    names = passed(run("--sample-seed=1"))

    units = {name: {n[7:-1] for n in names if n.startswith(name)} for name in ("test_a", "test_b")}
    assert units["test_a"] == units["test_b"]
    assert "39" in units["test_a"]
    assert len(units["test_a"]) == SHARE * 40
    assert "test_of_no_suite" in names


def test_what_is_left_out_is_counted_and_the_seed_is_said(run):
    result = run("--sample-seed=7")

    result.assert_outcomes(passed=21, deselected=60)
    result.stdout.fnmatch_lines(
        ["sample of the slow suites by --sample-seed=7: 60 tests left out*"]
    )


def test_two_workers_choose_and_count_the_same(run):
    alone, shared = run("--sample-seed=7"), run("--sample-seed=7", "-n2", "--dist=loadfile")

    assert passed(shared) == passed(alone)
    shared.stdout.fnmatch_lines(
        ["sample of the slow suites by --sample-seed=7: 60 tests left out*"]
    )


def test_without_a_seed_all_run(run):
    result = run()

    result.assert_outcomes(passed=81)
    result.stdout.no_fnmatch_line("*sample*")
