"""The style guide of the rules, as tests: what every rule's file must hold."""

import ast
import re
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

import lifesigns.evidence
import lifesigns.rules
from lifesigns.evidence import Run
from lifesigns.locale import FOLDER, translated
from lifesigns.rules import FAMILIES, all_rules, built_in_rules, find_rule
from lifesigns.rules._rule import RETIRED

RULES = [pytest.param(rule, id=f"{rule.code} {rule.name}") for rule in all_rules()]
OURS = [pytest.param(rule, id=f"{rule.code} {rule.name}") for rule in built_in_rules()]
TRANSLATED = [pytest.param(p, id=p.stem) for p in sorted(FOLDER.glob("zh/rules/*.toml"))]
KNOWN = {rule.name for rule in all_rules()}


UNIT = re.compile(
    r"\b(share|steps?|samples|observations|batches|layers|units|rows|sites|classes|features|times"
    r"|over|per|factor|ratio|range|size|spread|RMS|norm|standard (errors|deviations)|correlation"
    r"|probability|cosine|loss|rate|nats|gradient|softmaxes|sigmoids|width|weights)\b"
)
"""What a threshold is measured in: a count of something, or one quantity over another."""


CHINESE = re.compile("[\u4e00-\u9fff]")


def remedies(rule):
    """Texts of the remedies on the rule's manual page."""
    found = [
        finding for case in rule.cases if case.fires for finding in rule.judge(Run(case.trace()))
    ]
    return {remedy.text for finding in found for remedy in finding.remedies}


def chinese_texts(path):
    texts = translated("zh", "rules", path.stem)
    return (texts["title"], texts["why"], *texts["remedies"].values())


def sentences(text):
    return re.findall(r"[^.!?]+(?:\.\d[^.!?]*)*[.!?](?=\s|$)", text)


def test_there_are_rules():
    assert {"dead-units", "zero-gradient", "symmetric-units"} <= KNOWN


def test_codes_and_names_are_unique():
    assert len(KNOWN) == len({rule.code for rule in all_rules()}) == len(all_rules())


@pytest.mark.parametrize("rule", RULES)
def test_a_code_is_a_known_family_and_three_digits(rule):
    assert rule.code[:3] in FAMILIES
    assert re.fullmatch(r"[A-Z]{3}\d{3}", rule.code)


@pytest.mark.parametrize("rule", RULES)
def test_a_name_is_a_symptom_in_lower_case_words(rule):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.name)
    assert not rule.title.endswith(".")
    assert len(rule.title) <= 80


@pytest.mark.parametrize("rule", RULES)
def test_the_reason_teaches_in_two_sentences(rule):
    assert len(sentences(rule.why)) == 2
    assert rule.why.endswith(".")


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("part", ["sees", "evidence", "ignore"])
def test_the_manual_has_text_under_each_heading(rule, part):
    text = getattr(rule, part)
    assert text.strip()
    assert max(map(len, text.splitlines())) <= 100
    assert not re.search(r"^#", text, re.MULTILINE), "headings are made by the page"


@pytest.mark.parametrize("rule", RULES)
def test_the_manual_says_where_this_is_taught(rule):
    assert rule.references
    assert all(len(reference.split()) >= 2 for reference in rule.references)


@pytest.mark.parametrize("rule", RULES)
def test_every_threshold_says_what_it_means_and_where_it_comes_from(rule):
    assert rule.thresholds
    for threshold in rule.thresholds.values():
        assert UNIT.search(threshold.meaning), f"in what is {threshold.meaning!r} counted?"
        assert threshold.source


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_judges_the_losses_or_the_run(rule):
    assert rule.check or rule.check_run


@pytest.mark.parametrize("rule", RULES)
def test_there_are_two_cases_that_fire_and_two_that_stay_quiet(rule):
    assert sum(case.fires is not None for case in rule.cases) >= 2
    assert sum(case.fires is None for case in rule.cases) >= 2
    assert len({case.name for case in rule.cases}) == len(rule.cases)


@pytest.mark.parametrize("rule", RULES)
def test_where_a_rule_fires_something_of_a_training_was_seen(rule):
    assert not any(case.trace().is_blank for case in rule.cases if case.fires)


@pytest.mark.parametrize("rule", RULES)
def test_a_near_miss_stays_quiet(rule):
    near = [case for case in rule.cases if case.name.startswith("near miss: ")]
    assert near, "name a healthy program that comes close `near miss: ...`"
    assert all(case.fires is None for case in near)


@pytest.mark.parametrize("rule", RULES)
def test_one_case_has_no_readings(rule):
    named = [case.name for case in rule.cases if re.search(r"missing|NaN", case.name)]
    assert named, "name one `readings missing: ...`; `testing.unread` takes the readings away"


def test_no_retired_code_is_used_again():
    assert {rule.code for rule in all_rules()}.isdisjoint(RETIRED)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_explains_rules_that_exist(rule):
    assert set(rule.explains) <= KNOWN


@pytest.mark.parametrize("rule", RULES)
def test_what_to_do_is_python_that_parses(rule):
    codes = {
        remedy.code
        for case in rule.cases
        for finding in rule.judge(Run(case.trace()))
        for remedy in finding.remedies
    }
    assert codes - {""}, "at least one remedy is shown as code"
    for code in codes:
        ast.parse(code)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_does_not_explain_itself(rule):
    assert rule.name not in rule.explains


# --- the manual in Chinese ------------------------------------------------------------------------
def test_every_family_has_a_chinese_name():
    assert translated("zh", "phrases", "families").keys() == FAMILIES.keys()


@pytest.mark.filterwarnings("default::UserWarning")
@pytest.mark.parametrize("rule", OURS)
def test_what_the_manual_lacks_in_chinese_is_a_warning(rule):
    """Whoever adds a rule need not know Chinese: what is missing is shown in English."""
    texts = translated("zh", "rules", rule.name)

    if texts is None or texts["translates"] != rule.fingerprint:
        warnings.warn(f"{rule.name}: title and reason are to be translated", stacklevel=1)
    elif remedies(rule) - texts["remedies"].keys():
        warnings.warn(f"{rule.name}: a remedy is to be translated", stacklevel=1)


@pytest.mark.parametrize("texts", TRANSLATED)
def test_a_translation_is_of_a_rule_and_of_remedies_that_are_there(texts):
    rule = find_rule(texts.stem)

    assert set(translated("zh", "rules", rule.name)["remedies"]) <= remedies(rule)
    assert [text for text in chinese_texts(texts) if not CHINESE.search(text)] == []


@pytest.mark.parametrize("texts", TRANSLATED)
def test_the_chinese_reason_teaches_in_two_sentences_and_remedies_are_sentences(texts):
    title, why, *of_remedies = chinese_texts(texts)

    assert re.fullmatch(r"[^。？！]+。[^。？！]+。", why)
    assert not title.endswith("。")
    assert all(re.fullmatch(r"[^。？！]+。", text) for text in of_remedies)


@pytest.mark.parametrize("texts", TRANSLATED)
def test_chinese_is_written_with_chinese_punctuation_and_spaced_from_latin_letters(texts):
    for text in chinese_texts(texts):
        assert not re.findall(r"[\u4e00-\u9fff][,.;:!?()]|[,;:!?()][\u4e00-\u9fff]", text)
        assert not re.findall(r"[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9][\u4e00-\u9fff]", text)


@pytest.mark.parametrize("texts", TRANSLATED)
def test_numbers_of_the_title_and_reason_are_the_same_in_chinese(texts):
    """Those written in digits; what is a word in English may be one in Chinese too."""
    rule, (title, why, *_) = find_rule(texts.stem), chinese_texts(texts)
    english = re.findall(r"\d+(?:\.\d+)?", f"{rule.title} {rule.why}")
    chinese = re.findall(r"\d+(?:\.\d+)?", f"{title} {why}")

    assert set(english) <= set(chinese)


def test_a_fingerprint_changes_with_title_and_reason():
    rule = built_in_rules()[0]

    changed = {rule.fingerprint} | {
        replace(rule, **{part: "Another."}).fingerprint for part in ("title", "why")
    }

    assert len(changed) == 3
    assert replace(rule, sees="Another.").fingerprint == rule.fingerprint


def written_remedies():
    """Module and text of each remedy that is written in the packages."""
    folders = [Path(package.__file__).parent for package in (lifesigns.rules, lifesigns.evidence)]
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Remedy":
                yield path.name, node.args[0]


def test_every_remedy_stands_on_the_page_of_a_rule():
    shown = {text for rule in built_in_rules() for text in remedies(rule)}

    written = [
        (module, text.value)
        for module, text in written_remedies()
        if isinstance(text, ast.Constant)
    ]

    assert [(module, text) for module, text in written if text not in shown] == []


def test_no_remedy_is_worded_from_measured_values():
    assert [
        (module, text.lineno)
        for module, text in written_remedies()
        if not isinstance(text, ast.Constant)
    ] == []
