"""What the rules say to their own cases, in Chinese."""

import re

import pytest

from lifesigns.evidence import Run
from lifesigns.locale import FOLDER, translated
from lifesigns.locale.templates import COMMON, LONGEST, PLACE
from lifesigns.report.language import Language
from lifesigns.report.sentences import in_other_words, said_in
from lifesigns.report.verdict import _Said
from lifesigns.rules import built_in_rules

MISSING = 0
"""Sentences of the cases without a translation, of about 600. It may only become smaller; whoever
adds a rule and knows no Chinese may raise it."""
CHINESE = re.compile("[\u4e00-\u9fff]")
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")
FILES = [
    *(pytest.param("rules", path.stem, id=path.stem) for path in FOLDER.glob("zh/rules/*.toml")),
    *(pytest.param("phrases", part, id=part) for part in COMMON),
]


@pytest.fixture(scope="module")
def said():
    """Each sentence by the rule that said it, with its translation."""
    return {
        (rule.name, sentence): in_other_words(Language.CHINESE, rule.name, sentence)
        for rule in built_in_rules()
        for case in rule.cases
        for found in rule.judge(Run.of(case.trace()))
        for sentence in (found.symptom, found.measured, found.expected, found.certainty)
    }


def templates(part, name):
    texts = translated("zh", part, name)
    return texts.get("sentences", {}) if part == "rules" else texts


def test_no_more_sentences_than_before_are_english_on_a_chinese_page(said):
    missing = [place for place, chinese in said.items() if chinese is None]

    assert len(missing) == MISSING, missing


def test_every_number_of_a_sentence_is_in_the_chinese_one(said):
    for (rule, sentence), chinese in said.items():
        if chinese is not None:
            numbers = sorted(NUMBER.findall(sentence)), sorted(NUMBER.findall(chinese))
            assert numbers[0] == numbers[1], (rule, sentence, chinese)


def test_no_english_clause_is_left_in_a_chinese_sentence(said):
    for place, chinese in said.items():
        if chinese is not None:
            assert CHINESE.search(chinese), place
            assert not re.search(r"\b[a-z]{2,} [a-z]{2,}\b", chinese), (place, chinese)


def test_every_verdict_has_a_translation():
    for said in _Said:
        words = {"length": "12 steps", "needed": "20", "went": "stayed level", "gain": "6%"}
        verdict = said.value.format(**words)
        for line in (verdict, f"{verdict}, 2 notes"):
            assert in_other_words(Language.CHINESE, "", line), line


@pytest.mark.parametrize(("part", "name"), FILES)
def test_templates_have_words_and_the_same_places_in_both_languages(part, name):
    for english, chinese in templates(part, name).items():
        assert set(PLACE.findall(english)) == set(PLACE.findall(chinese)), english
        assert PLACE.sub("", english).strip(), english


def test_what_is_not_known_stays_english():
    assert said_in(Language.CHINESE, (), ["the network sings"]) == {}
    assert in_other_words(Language.CHINESE, "", "exact, in a strange mood") is None


def test_names_of_a_run_are_not_translated_and_not_changed():
    sentence = "50% of the units at 输入1.the#0 look dead since about step 3"

    chinese = in_other_words(Language.CHINESE, "dead-units", sentence)

    assert chinese == "输入1.the#0 有 50% 的单元约从第 3 步起看来已经死亡"


@pytest.mark.parametrize("joint", ["; ", ", ", " at ", " of "])
def test_a_hostile_name_costs_no_time_and_no_stack(joint):
    text = ("a" + joint) * (LONGEST // (len(joint) + 1))

    in_other_words(Language.CHINESE, "dead-units", text)
