"""The modules of the page as texts: their words have translations, and none writes markup."""

import re
from pathlib import Path

import pytest

BROWSER = Path(__file__).parents[2] / "src/lifesigns/report/page/browser"
OTHERS = ("compare", "live")
"""Modules that begin so bring their own words."""
MODULES = [path for path in sorted(BROWSER.glob("*.js")) if not path.name.startswith(OTHERS)]


def text_of(name):
    return (BROWSER / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def chinese():
    lines = re.findall(r'^  (?:"([^"]+)"|(\w+)):', text_of("chinese.js"), re.M)
    return {quoted or bare for quoted, bare in lines}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_word_of_the_interface_is_there_in_chinese(path, chinese):
    calls = re.findall(r'\bsay\(((?:"[^"]*"|[^",()])*)', path.read_text(encoding="utf-8"))

    said = {text for call in calls for text in re.findall(r'"([^"]*[A-Za-z][^"]*)"', call)}

    assert said <= chinese


def test_severities_states_and_columns_are_there_in_chinese(chinese):
    columns = re.findall(r'^  \w+: \["([^"]+)", "([^"]+)"\]', text_of("words.js"), re.M)

    words = {word for column in columns for word in column} - {"σ′"}

    states = {"running", "finished", "interrupted", "failed", "killed"}
    severities = {"error", "errors", "warning", "warnings", "note", "notes"}
    assert len(columns) == 7
    assert words | states | severities | {"system", "light", "dark"} <= chinese


@pytest.mark.parametrize("path", sorted(BROWSER.glob("*.js")), ids=lambda path: path.stem)
def test_no_module_makes_markup_of_text_or_runs_it(path):
    source = path.read_text(encoding="utf-8")

    found = re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|\bnew Function|document\.write",
        source,
        re.I,
    )

    assert found == []
