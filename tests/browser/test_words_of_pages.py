"""The words of the pages of runs and comparisons are there in both languages."""

import re
from pathlib import Path

import pytest

BROWSER = Path(__file__).parents[2] / "src/lifesigns/report/page/browser"


def words_of(name):
    source = (BROWSER / name).read_text(encoding="utf-8")
    lines = re.findall(r'^  (?:"([^"]+)"|(\w+)):', source, re.M)
    return {quoted or bare for quoted, bare in lines}


@pytest.mark.parametrize("path", sorted(BROWSER.glob("*.js")), ids=lambda path: path.stem)
def test_every_word_of_the_interface_is_there_in_chinese(path):
    calls = re.findall(r'\bsay\(((?:"[^"]*"|[^",()])*)', path.read_text(encoding="utf-8"))

    said = {text for call in calls for text in re.findall(r'"([^"]*[A-Za-z][^"]*)"', call)}

    known = map(words_of, ("chinese.js", "compare_words.js", "live_words.js"))
    assert said <= set().union(*known)


def test_headings_and_settings_are_there_in_chinese():
    known = words_of("chinese.js") | words_of("compare_words.js")

    assert {"New in {}", "Gone in {}", "In both"} <= known
    assert {"program", "optimizer", "learning rate", "sites", "trainable numbers"} <= known
    assert {"shape of the batch", "loss", "steps", "arguments"} <= known
