import json
import re

from lifesigns.records import RunInfo
from lifesigns.report.comparison import Side, compare
from lifesigns.report.comparison.as_json import to_json
from lifesigns.report.page import document
from lifesigns.report.page.comparison_host import comparison_html
from lifesigns.rules import testing as example

EVIL = "</script><img src=x onerror=alert(1)>"


def page(*losses):
    sides = [Side(EVIL, example.trace(losses=each, info=RunInfo(EVIL)), ()) for each in losses]
    made = to_json(compare(sides))
    return made, comparison_html(made, [document(side.trace, ()) for side in sides])


def test_the_file_holds_the_comparison_and_the_documents_of_all_runs():
    made, html = page([1.0, 0.5], [1.0, 0.4])

    (held,) = re.findall(r'id="comparison">(.*?)</script>', html)

    together = json.loads(held)
    assert together["comparison"] == made
    assert [each["report"]["command"] for each in together["documents"]] == [EVIL, EVIL]


def test_a_name_that_is_markup_stands_nowhere_as_markup():
    _, html = page([1.0], [0.5])

    assert "<img" not in html


def test_without_scripts_it_says_where_the_runs_part():
    _, html = page([1.0, 0.5], [1.0, 0.4])

    (still,) = re.findall(r"<noscript>(.*?)</noscript>", html, re.S)

    assert "A, B: different from step 1 on" in still
    assert "step 1: the loss is 0.5 in A and 0.4 in B" in still
