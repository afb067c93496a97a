"""The words of a comparison's page are there in both languages."""

import re
from pathlib import Path

import pytest

BROWSER = Path(__file__).parents[2] / "src/lifesigns/report/page/browser"


def words_of(name):
    source = (BROWSER / name).read_text(encoding="utf-8")
    lines = re.findall(r'^  (?:"([^"]+)"|(\w+)):', source, re.M)
    return {quoted or bare for quoted, bare in lines}


@pytest.mark.parametrize("path", sorted(BROWSER.glob("compare*.js")), ids=lambda path: path.stem)
def test_every_word_of_the_comparison_is_there_in_chinese(path):
    calls = re.findall(r'\bsay\(((?:"[^"]*"|[^",()])*)', path.read_text(encoding="utf-8"))

    said = {text for call in calls for text in re.findall(r'"([^"]*[A-Za-z][^"]*)"', call)}

    assert said <= words_of("chinese.js") | words_of("compare_words.js")


def test_headings_and_settings_are_there_in_chinese():
    known = words_of("chinese.js") | words_of("compare_words.js")

    assert {"New in {}", "Gone in {}", "In both"} <= known
    assert {"program", "optimizer", "learning rate", "sites", "trainable numbers"} <= known
    assert {"shape of the batch", "loss", "steps", "arguments"} <= known
