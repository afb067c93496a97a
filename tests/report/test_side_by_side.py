import re

from lifesigns.locale import translated
from lifesigns.report.language import Language
from lifesigns.report.side_by_side import glossary, pairs
from lifesigns.rules import built_in_rules

MISSING = 0
"""Manual pages whose sections are in English, for nobody has translated them since they changed.
Whoever adds a rule and knows no Chinese may raise it."""


def test_the_sections_of_every_manual_page_are_in_chinese():
    stale = [
        rule.name
        for rule in built_in_rules()
        if translated("zh", "rules", rule.name)["page"]["translates"] != rule.page_fingerprint
    ]

    assert len(stale) == MISSING, stale


def test_a_page_has_a_name_for_each_case():
    for rule in built_in_rules():
        assert len(translated("zh", "rules", rule.name)["page"]["cases"]) == len(rule.cases)


def test_the_glossary_is_a_table_with_a_chinese_term_in_each_line():
    lines = glossary(Language.CHINESE).splitlines()[6:]

    assert len(lines) > 40
    assert all(re.search("[\u4e00-\u9fff]|logit", line) for line in lines)


def test_every_pair_stands_in_one_line_of_two_cells():
    rows = [line for line in pairs().splitlines() if line.startswith("| ")]

    assert len(rows) > 1500
    assert {row.count(" | ") for row in rows} == {1}
